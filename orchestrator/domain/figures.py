"""Figures: what operators count, as it stands in the database at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.execution import ExecutionState

DURATION_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0)
"""Upper bounds in seconds of the buckets that task durations are counted in."""


TRY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
"""The same for one try of a delivery."""


class Refusals(StrEnum):
    """What is refused, and counted by why, under the names that tallies have."""

    JOBS = "refused"
    MAILS = "refused_mails"


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many executions of a deployment are in a state."""

    deployment: str
    state: ExecutionState
    count: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of a deployment's rows wait for somebody, and since when the oldest does."""

    deployment: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """What the runs of one task came to.

    ``runs`` are those whose output was accepted, ``seconds`` what these took in all, ``buckets``
    how many of them took at most each of ``DURATION_BUCKETS``. ``retries`` are the attempts beyond
    the first, of all runs; none is taken back.
    """

    deployment: str
    task: str
    runs: int
    seconds: float
    buckets: tuple[int, ...]
    retries: int


@dataclass(frozen=True, slots=True)
class OpenExecutions:
    """How many open executions of a deployment have something in common, and one of them."""

    deployment: str
    count: int
    execution_id: str


@dataclass(frozen=True, slots=True)
class TryFigures:
    """What the tries came to whose status has these hundreds: 2 is 2xx, 0 no answer at all.

    ``seconds`` is what they took in all, ``buckets`` how many of them took at most each of
    ``TRY_BUCKETS``.
    """

    hundreds: int
    count: int
    seconds: float
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """An endpoint without its secrets: until when it is left in peace, since when it only fails."""

    id: str
    deployment: str
    is_enabled: bool
    quiet_until: datetime | None
    failing_since: datetime | None
