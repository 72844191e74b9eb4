"""What ``orchestrator doctor`` finds, and from when on something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

WAITS_TOO_LONG = timedelta(seconds=30)
"""A task run, a message or a mail that is due for longer found no worker."""

MOST_COUNTED = 100
"""Of lost rows, more are not counted."""

REFUSED_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in one line. ``mend`` says what to do where something is wrong."""

    check: str
    says: str
    mend: str | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether there is something to mend."""
        return self.mend is not None
