"""One execution under its lock, and all that one transaction changes about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from orchestrator.domain import retry
from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.domain.chain import chained
from orchestrator.domain.checkpoint import Cause, Checkpoint, name_of, standing
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.execution import Execution
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.plan import Plan
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import WORDS, Entry, worker_actor
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.errors import UnknownExecution, Unreadable
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.webhooks.wake import wake_endpoints

T = TypeVar("T")


class LockedExecution:
    """One execution, its row locked, between the load and the save.

    Whatever changes goes through here, so that each change leaves its line in the timeline, each
    event its deliveries, and the execution's own row is written once, by ``close``. ``written`` are
    the checkpoints that were added.
    """

    def __init__(
        self,
        ports: Ports,
        tx: Transaction,
        execution: Execution,
        actor: str,
        now: datetime | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.ports = ports
        self.tx = tx
        self.actor = actor
        self.now: datetime = now or tx.now()
        self.execution = execution
        self._loaded = execution
        if plan is not None:
            self.plan = plan
        self.written: list[Checkpoint] = []
        self._entries: list[Entry] = []
        self._deliveries: list[Delivery] = []
        self._checkpoints: tuple[Checkpoint, ...] | None = None
        self._standing: tuple[Checkpoint, ...] | None = None
        self._reviews: list[Review] | None = None

    @cached_property
    def plan(self) -> Plan:
        """The plan that the execution goes by. Raises Unreadable."""
        plan = self.tx.manifests.plan(self.execution.plan_digest)
        if plan is None:
            raise Unreadable(f"The plan {self.execution.plan_digest} is gone")
        return plan

    @property
    def is_flow(self) -> bool:
        """Whether a flow runs in it; False too where its plan cannot be read any more."""
        try:
            return self.plan.is_flow
        except Unreadable:
            return False

    def record(
        self, event: str, subject_id: str, run: TaskRun | Review | None = None, **details: Json
    ) -> None:
        """Add a line to the timeline."""
        said = {key: value for key, value in details.items() if value is not None}
        has_words = any(key in said for key in WORDS)
        self._entries.append(
            Entry(
                execution_id=self.execution.id,
                deployment=self.execution.deployment,
                at=self.now,
                actor=self.actor,
                event=event,
                subject_id=subject_id,
                task_name=run.task_name if run else None,
                round=run.round if run else None,
                details=said,
                salt=self.ports.chance.secret() if has_words else None,
            )
        )

    def transition(self, name: str, after: Execution, **details: Json) -> None:
        """The execution goes through a transition."""
        self.execution = after
        self.record(f"execution.{name}", after.id, None, **details)

    def store_output(self, output: Output) -> str:
        """Write an output of the execution; returns its id. Raises as ``Outputs.add`` does."""
        output_id = self.ports.ids.new()
        self.tx.outputs.add(output_id, self.execution.id, output, self.now)
        return output_id

    def save_run(
        self, transition: str, before: TaskRun, after: TaskRun, **details: Json
    ) -> TaskRun:
        """A task run goes through a transition."""
        saved = self.tx.task_runs.save(before, after)
        self.record(f"task_run.{transition}", saved.id, saved, **details)
        return saved

    def save_review(
        self, transition: str, before: Review, after: Review, **details: Json
    ) -> Review:
        """A review goes through a transition."""
        saved = self.overwrite_review(before, after)
        if saved.terms is not None and not saved.is_open:
            self.tx.recipients.close(saved.id)
        self.record(f"review.{transition}", saved.id, saved, **details)
        return saved

    def withdraw_review(self, review: Review, **details: Json) -> Review:
        """Nobody waits for it any more: neither a person nor a model is asked."""
        if review.weighing:
            self.withdraw_weighing(review)
        withdrawn = review.withdraw(self.now, self.actor)
        return self.save_review("withdraw", review, withdrawn, **details)

    def withdraw_weighing(self, review: Review) -> None:
        """What a model would say of a review's words does not count any more."""
        for run in self.tx.task_runs.of(review.execution_id):
            if run.weighs == review.id and run.is_open:
                self.save_run("withdraw", run, run.withdraw(self.now))

    def overwrite_review(self, before: Review, after: Review) -> Review:
        """Write what changes about a review without a transition."""
        saved = self.tx.reviews.save(before, after)
        if self._reviews is not None:
            self._reviews = [saved if each.id == saved.id else each for each in self._reviews]
        return saved

    def add_review(self, review: Review) -> None:
        """Write a review of the execution that is new."""
        self.tx.reviews.add(review)
        self._reviews = None  # they have an order

    def were_read(self, reviews: Sequence[Review]) -> None:
        """All of them were read together with the lock."""
        self._reviews = list(reviews)

    @property
    def reviews(self) -> tuple[Review, ...]:
        """Every review of the execution so far, in the order in which they were made."""
        if self._reviews is None:
            self._reviews = list(self.tx.reviews.of(self.execution.id))
        return tuple(self._reviews)

    @property
    def all_checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every checkpoint of the execution so far, in order, whether it stands or not."""
        if self._checkpoints is None:
            self._checkpoints = self.tx.checkpoints.of_locked(self.execution)
        return self._checkpoints

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every checkpoint of the execution that stands, in order."""
        if self._standing is None:
            self._standing = standing(self.all_checkpoints)
        return self._standing

    def checkpoint(self, cause: Cause, path: str, **details: Any) -> Checkpoint:
        """Write down one more thing that is needed in order to go on from here.

        ``details`` are fields of the checkpoint. Nothing that was written before is read or copied.
        """
        number = self.execution.checkpoints + 1
        self.execution = replace(self.execution, checkpoints=number)
        written = Checkpoint(
            id=self.ports.ids.new(),
            execution_id=self.execution.id,
            number=number,
            plan_digest=self.execution.plan_digest,
            cause=cause,
            path=path,
            created_at=self.now,
            **{"name": name_of(path), **details},
        )
        self.tx.checkpoints.add(written)
        self.written.append(written)
        self._standing = None
        if cause is Cause.MIGRATE:
            self._checkpoints = None  # those before it are read by their new names
        elif self._checkpoints is not None:
            self._checkpoints = (*self._checkpoints, written)
        return written

    def announce(self, kind: WebhookKind, body: JsonObject, also: str | None = None) -> None:
        """Tell an event to the endpoint that is subscribed to its kind, if there is one.

        ``also`` is the URL of another receiver, which is told whatever is subscribed.
        """
        endpoints = {self.execution.subscriptions.endpoint(kind)}
        if also is not None:
            deployment = self.execution.deployment
            endpoints.add(self.tx.endpoints.ensure(deployment, also, None, self.now))
        for endpoint_id in sorted(filter(None, endpoints)):
            self.announce_to(endpoint_id, kind, body)

    def announce_to(self, endpoint_id: str, kind: WebhookKind, body: JsonObject) -> None:
        """Tell an event to one endpoint."""
        sequence = self.execution.sequence + 1
        self.execution = replace(self.execution, sequence=sequence)
        common: JsonObject = {
            "kickoff_id": self.execution.id,
            "meta": self.execution.meta,
            "sequence": sequence,
        }
        self._deliver(endpoint_id, kind, sequence, encode({**body, **common}))

    def _deliver(self, endpoint_id: str, kind: WebhookKind, sequence: int, body: bytes) -> None:
        delivery = Delivery(
            id=self.ports.ids.new(),
            execution_id=self.execution.id,
            deployment=self.execution.deployment,
            endpoint_id=endpoint_id,
            kind=kind.value,
            sequence=sequence,
            state=DeliveryState.PENDING,
            version=1,
            body=body,
            created_at=self.now,
            due_at=self.now,
            published_at=self.now,
            wake_at=retry.publish_again_at(self.now, 1),
        )
        self._deliveries.append(delivery)
        if kind is not WebhookKind.STREAM:  # a flood: the deliveries themselves are record enough
            self.record("delivery.create", delivery.id, kind=kind.value, sequence=sequence)

    def chain(self) -> list[Entry]:
        """The lines of the timeline that ``close`` writes, chained to those before them.

        The execution knows them from then on.
        """
        head, entries = chained(self.execution.head, self._entries)
        self.execution = self.execution.chained(head)
        return entries

    def close(self) -> Execution:
        """Write the execution, the timeline and the deliveries. Call it last."""
        entries = self.chain()
        if self.execution != self._loaded:
            self.execution = self.tx.executions.save(self._loaded, self.execution)
        self.tx.timeline.add(entries)
        if self._deliveries:
            self.tx.deliveries.add(self._deliveries)
            wake_endpoints(
                self.tx, {delivery.endpoint_id for delivery in self._deliveries}, self.now
            )
        return self.execution


def runs_flow(tx: Transaction, execution_id: str) -> bool:
    """Whether a flow runs in an execution; False too where its plan cannot be read any more."""
    execution = tx.executions.get(execution_id)
    try:
        plan = tx.manifests.plan(execution.plan_digest) if execution else None
    except Unreadable:
        return False
    return plan is not None and plan.is_flow


def lock_execution(
    ports: Ports, tx: Transaction, execution_id: str, actor: str, scope: Scope = EVERYWHERE
) -> LockedExecution:
    """Lock an execution's row and load it.

    Raises UnknownExecution when there is none with that id, or it may not be seen, and NotEntitled.
    """
    return lock_and_read(ports, tx, execution_id, actor, lambda: None, scope)[0]


def lock_and_read(
    ports: Ports,
    tx: Transaction,
    execution_id: str,
    actor: str,
    read: Callable[[], T],
    scope: Scope = EVERYWHERE,
) -> tuple[LockedExecution, T]:
    """The same, and read something behind the lock in one exchange with the database."""
    asked = tx.executions.defer_lock(execution_id)
    found = read()
    execution = asked()
    if execution is None:
        raise UnknownExecution(execution_id)
    scope.require(execution.deployment, UnknownExecution(execution_id))
    return LockedExecution(ports, tx, execution, actor), found


def lock_claimed(
    ports: Ports, tx: Transaction, claimed: TaskRun, worker: str
) -> LockedExecution | None:
    """Lock the execution of a claimed run; None where the claim is lost.

    The claim lasts as long as the transaction does. Raises UnknownExecution.
    """
    locked = lock_execution(ports, tx, claimed.execution_id, worker_actor(worker))
    return locked if tx.task_runs.fence(claimed.id, claimed.claim_no) else None
