"""Figures: what operators count, as it stands in the database at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.execution import ExecutionState

DURATION_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0)
"""Upper bounds in seconds of the buckets that task durations are counted in."""


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
    the first, of all runs.
    """

    deployment: str
    task: str
    runs: int
    seconds: float
    buckets: tuple[int, ...]
    retries: int


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """How many open executions of a deployment began with a plan, and one of them."""

    deployment: str
    plan_digest: str
    count: int
    execution_id: str


@dataclass(frozen=True, slots=True)
class StoredFormat:
    """How many open executions of a deployment stand in a checkpoint of a format, and one."""

    deployment: str
    format: int
    count: int
    execution_id: str
