"""The rows around the work: manifests, producers' messages, sweeps, workers, audit, figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.chain import Head
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.figures import (
    EndpointHealth,
    OpenExecutions,
    Refusals,
    StateCount,
    TaskFigures,
    TryFigures,
    Waiting,
)
from orchestrator.domain.intake import IntakeMessage, IntakeState
from orchestrator.domain.plan import Plan
from orchestrator.domain.task_run import TaskRun


class Manifests(Protocol):
    """The manifests and plans, in one transaction."""

    def put(self, manifest: Manifest) -> None:
        """Replace the deployment's manifest; keep its plan for ever."""
        ...

    def get(self, deployment: str) -> Manifest | None:
        """The newest one."""
        ...

    def lock(self, deployment: str) -> None:
        """Wait for whoever holds the deployment's manifest, and hold it for this transaction."""
        ...

    def settings(self, deployment: str) -> JsonObject | None:
        """The settings that its file had when a worker last loaded it; None before that."""
        ...

    def declared(self) -> Mapping[str, JsonObject]:
        """What the file said of each deployment when a process last started with it."""
        ...

    def declare(self, deployment: str, settings: JsonObject) -> JsonObject | None:
        """Keep what the file says of a deployment now; returns what it said before, if anything.

        Of several that do this at once, one is told of what was before.
        """
        ...

    def plan(self, digest: str) -> Plan | None:
        """The plan with that digest, as some manifest once had it; None where it is gone.

        Raises Unreadable for a damaged one, WrittenByNewer for one that only newer versions read.
        """
        ...


class Intake(Protocol):
    """The messages of producers, in one transaction."""

    def get(self, message_id: str) -> IntakeMessage | None:
        """What became of a message, None if it is new."""
        ...

    def put(self, message: IntakeMessage) -> None:
        """Insert or replace; what was accepted stays so."""
        ...

    def newest(
        self, state: IntakeState | None, deployments: Collection[str] | None, limit: int
    ) -> tuple[IntakeMessage, ...]:
        """Messages that came to this, newest first; None does not matter."""
        ...

    def waiting(self, deployments: Sequence[str], limit: int) -> tuple[IntakeMessage, ...]:
        """Messages that waited for one of these which a worker has loaded since, oldest first."""
        ...

    def purge(self, execution_id: str) -> None:
        """Empty the bodies of the messages that an execution came from or was answered by."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Delete messages that came before then and were refused; returns how many."""
        ...

    def backlog(self) -> tuple[Waiting, ...]:
        """The messages that wait for their deployment, by its name."""
        ...

    def refused(self, since: datetime) -> int:
        """How many messages that came since then were refused."""
        ...


@dataclass(frozen=True, slots=True)
class FailingStep:
    """A step of the sweep that fails: since when, when last, and with what error."""

    step: str
    since: datetime
    at: datetime
    error: str


class Sweeps(Protocol):
    """When sweeps saw the database take a write, and what they could not do, in one transaction.

    Leases lapse by the last write that a sweep saw, not by the time itself.
    """

    def step_failed(self, step: str, error: str) -> None:
        """Note, by the database's clock, that a step failed just now."""
        ...

    def failing_steps(self) -> tuple[FailingStep, ...]:
        """The steps that failed lately."""
        ...

    def last_beat(self) -> datetime | None:
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


class Due(Protocol):
    """What a sweep would find, in one transaction."""

    def anything(
        self, now: datetime, finished_before: datetime | None, closed_before: datetime
    ) -> bool:
        """Whether any of its steps would find something to do.

        Executions are purged that finished before the one time (None: none ever is), and reviews
        counted that were closed before the other.
        """
        ...


class Workers(Protocol):
    """The worker processes that were seen lately, in one transaction."""

    def seen(self, name: str, queues: Sequence[str], clock_ahead: timedelta | None = None) -> None:
        """Note, by the database's clock, that a worker is alive and consumes these queues.

        ``clock_ahead`` is how far its machine's clock is ahead of the database's, where it looked.
        """
        ...

    def clocks(self, within: timedelta) -> Mapping[str, timedelta]:
        """The same of each worker seen within that time that looked."""
        ...

    def gone(self, name: str) -> None:
        """Forget a worker that ended, with its processes."""
        ...

    def loaded(self, process: str, worker: str, plans: Mapping[str, str]) -> None:
        """Note that a process of a worker is alive, with the plans that it has loaded.

        ``plans`` are their digests by deployment.
        """
        ...

    def plans(self, deployment: str, within: timedelta) -> frozenset[str]:
        """Digests of the plans that processes seen within that time have of a deployment."""
        ...

    def slots(self, deployment: str, within: timedelta) -> int:
        """How many processes seen within that time have loaded a deployment."""
        ...

    def consuming(self, queue: str, within: timedelta) -> tuple[str, ...]:
        """Names of the workers seen on this queue within that time."""
        ...


class Audit(Protocol):
    """The audit log, in one transaction. Append-only."""

    def lock_head(self) -> Head:
        """The end of its chain; held until the transaction ends: nobody else appends."""
        ...

    def add(self, entry: AuditEntry, head: Head) -> None:
        """Append the entry, which is the chain's new end."""
        ...

    def newest(self, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first."""
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

    def plans_begun_with(self) -> tuple[str, ...]:
        """The digests of the plans that executions began with."""
        ...

    def open_with_plan(self, digest: str) -> tuple[OpenExecutions, ...]:
        """The open executions that began with this plan, by deployment."""
        ...

    def open_with_foreign_checkpoint(self) -> tuple[OpenExecutions, ...]:
        """The open executions with a checkpoint that this version cannot read, by deployment."""
        ...

    def troubled(self, limit: int) -> tuple[TaskRun, ...]:
        """Open task runs whose last attempt failed."""
        ...

    def deliveries(self) -> dict[tuple[str, DeliveryState], int]:
        """The deliveries by deployment and state."""
        ...

    def oldest_due_delivery(self, now: datetime) -> datetime | None:
        """The time at which the delivery was due that has been due for longest."""
        ...

    def waiting_deliveries(self, endpoint_ids: Sequence[str]) -> dict[str, int]:
        """How many wait at each of these endpoints; those where none waits are left out."""
        ...

    def endpoints(self, limit: int) -> tuple[EndpointHealth, ...]:
        """The health of the newest endpoints; no secret key is needed for that."""
        ...

    def tries(self, since: datetime) -> tuple[TryFigures, ...]:
        """The newest tries since then, 10,000 at most, by the hundreds of their status."""
        ...

    def refuse(self, what: Refusals, why: str) -> None:
        """Count one that was refused."""
        ...

    def refused(self, what: Refusals) -> Mapping[str, int]:
        """How many were, by why."""
        ...

    def fold(self) -> int:
        """Add up what was counted lately, so that reading stays quick; returns how much it was.

        The figures are right before and after; several may do this at once.
        """
        ...
