"""What the use cases need of the machine that they run on."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from orchestrator.jobs import Job


class Clock(Protocol):
    """Tells a time: this machine's, or in a test the database's as well.

    What is due and when a lease ends go by the database's, ``Transaction.now``.
    """

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class Ids(Protocol):
    """Makes ids."""

    def new(self) -> str:
        """A new UUIDv7 as text: ids made later sort later."""
        ...


class Chance(Protocol):
    """Makes randomness."""

    def jitter(self) -> float:
        """A number from -1 to 1, evenly distributed."""
        ...

    def secret(self) -> str:
        """A new secret of 256 bits as URL-safe text."""
        ...


class Jobs(Protocol):
    """Sends jobs to workers."""

    def publish(self, job: Job) -> None:
        """Send one job to its queue.

        Raises OSError when the broker cannot be reached; the row that the job is about is swept up.
        """
        ...
