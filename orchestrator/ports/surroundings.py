"""The rows around the work: manifests, tokens, keys, producers' messages, workers, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.figures import StateCount, TaskFigures, Waiting
from orchestrator.domain.plan import Plan
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.token import Token


class Manifests(Protocol):
    """The manifests and plans, in one transaction."""

    def put(self, manifest: Manifest) -> None:
        """Replace the deployment's manifest; keep its plan for ever."""
        ...

    def get(self, deployment: str) -> Manifest | None:
        """The newest one."""
        ...

    def plan(self, digest: str) -> Plan | None:
        """The plan with that digest, as some manifest once had it."""
        ...


class Tokens(Protocol):
    """The API tokens, in one transaction."""

    def add(self, token: Token) -> None:
        """Insert; a token with the same hash is left as it is."""
        ...

    def by_hash(self, hashed: str) -> Token | None:
        """The token whose secret has this hash."""
        ...

    def all(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        ...

    def revoke(self, token_id: str, at: datetime) -> bool:
        """End a token; False when there is no live one with that id."""
        ...


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a call with an idempotency key was answered, and the digest of its body."""

    body_digest: str
    answer: JsonObject


class Keys(Protocol):
    """The idempotency keys, in one transaction."""

    def get(self, deployment: str, call: str, key: str) -> KeptAnswer | None:
        """What the key was used for, None if it is new."""
        ...

    def put(self, deployment: str, call: str, key: str, kept: KeptAnswer, at: datetime) -> None:
        """Keep an answer. Raises StaleWrite when another transaction used the key meanwhile."""
        ...


class IntakeState(StrEnum):
    """What became of a message."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    WAITING = "WAITING"


@dataclass(frozen=True, slots=True)
class IntakeMessage:
    """One message of a producer: what it asked for, and what became of it."""

    id: str
    job: str
    deployment: str
    body: JsonObject
    state: IntakeState
    reason: str | None
    execution_id: str | None
    received_at: datetime


class Intake(Protocol):
    """The messages of producers, in one transaction."""

    def get(self, message_id: str) -> IntakeMessage | None:
        """What became of a message, None if it is new."""
        ...

    def put(self, message: IntakeMessage) -> None:
        """Insert or replace."""
        ...

    def newest(
        self, state: IntakeState | None, deployment: str | None, limit: int
    ) -> tuple[IntakeMessage, ...]:
        """Messages that came to this, newest first; None does not matter."""
        ...

    def waiting(self, limit: int) -> tuple[IntakeMessage, ...]:
        """Messages whose deployment was not ready yet, oldest first."""
        ...


class Workers(Protocol):
    """The worker processes that were seen lately, in one transaction."""

    def seen(self, name: str, queues: Sequence[str]) -> None:
        """Note, by the database's clock, that a worker is alive and consumes these queues."""
        ...

    def gone(self, name: str) -> None:
        """Forget a worker that ended."""
        ...

    def consuming(self, queue: str, within: timedelta) -> tuple[str, ...]:
        """Names of the workers seen on this queue within that time."""
        ...


class Heartbeat(Protocol):
    """When a sweep last saw the database take a write, in one transaction: leases lapse by it."""

    def last(self) -> datetime | None:
        """That time, None before the first sweep."""
        ...

    def beat(self, last: datetime | None, now: datetime) -> bool:
        """Write it, over what it was; False when another sweep did so meanwhile."""
        ...

    def renew_leases(self, now: datetime, lease: timedelta, seen_since: datetime | None) -> None:
        """Have every lease end that long after now.

        Workers that were seen since then count as seen now.
        """
        ...

    def bring_forward(self, now: datetime, by: timedelta) -> None:
        """Have all that waits for a time that is yet to come wait for one that much earlier.

        What was not due yet is published as soon as it is.
        """
        ...


class Figures(Protocol):
    """What operators count, in one transaction."""

    def executions(self) -> tuple[StateCount, ...]:
        """The executions by deployment and state."""
        ...

    def open_reviews(self) -> tuple[Waiting, ...]:
        """The reviews that wait for a person, by deployment."""
        ...

    def due_task_runs(self, now: datetime) -> tuple[Waiting, ...]:
        """The task runs that wait for a worker, by deployment; ``since`` is when one was due."""
        ...

    def tasks(self) -> tuple[TaskFigures, ...]:
        """How long the runs of each task took, and how often they were tried again."""
        ...

    def troubled(self, limit: int) -> tuple[TaskRun, ...]:
        """Open task runs whose last attempt failed."""
        ...
