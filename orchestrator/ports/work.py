"""The rows of work: executions, their task runs, outputs, checkpoints and timelines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from orchestrator.domain.checkpoint import Checkpoint
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.output import Output, Preview
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import REVIEW_EVENTS, Entry

T = TypeVar("T")

Deferred: TypeAlias = Callable[[], T]
"""A query whose answer is had by calling this.

It goes to the database with the next statement, which saves a round trip. It sees every write made
before it was deferred. Write nothing that it reads until you have called it.
"""


class Position(NamedTuple):
    """A place in a list that is read page by page: the row that was read last."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions are meant; what is None does not matter.

    ``since`` and ``until`` bound the time of the kickoff, the latter exclusively; ``meta`` is a
    text that the JSON of their meta has in it, whatever its case. ``batch`` is the id of one.
    """

    deployments: Collection[str] | None = None
    state: ExecutionState | None = None
    since: datetime | None = None
    until: datetime | None = None
    meta: str | None = None
    batch: str | None = None


class Executions(Protocol):
    """The executions, in one transaction."""

    def add(self, execution: Execution) -> bool:
        """Insert; False, and nothing done, when the id is taken."""
        ...

    def add_new(self, executions: Sequence[Execution]) -> None:
        """Insert several whose ids were just made."""
        ...

    def get(self, execution_id: str) -> Execution | None:
        """Read without a lock."""
        ...

    def lock(self, execution_id: str) -> Execution | None:
        """Read and hold the row until the transaction ends: nobody else changes the execution."""
        ...

    def defer_lock(self, execution_id: str) -> Deferred[Execution | None]:
        """The same, asked together with what is read next: that is read behind the lock."""
        ...

    def save(self, before: Execution, after: Execution) -> Execution:
        """Write over the state and version of ``before``; returns it with its new version.

        Raises StaleWrite when the row is no longer as ``before`` says.
        """
        ...

    def page(
        self, wanted: ExecutionFilter, after: Position | None, limit: int
    ) -> tuple[Execution, ...]:
        """Some of the executions that are meant, newest first."""
        ...

    def of_batch(self, batch: str) -> tuple[Execution, ...]:
        """All of a batch's, in the order in which they were kicked off."""
        ...

    def to_purge(self, finished_before: datetime, limit: int) -> tuple[str, ...]:
        """Ids of executions that finished before then and still have what a purge takes away."""
        ...

    def purged(self, execution_id: str, at: datetime) -> None:
        """Note that an execution's deliveries and outputs are gone."""
        ...


class TaskRuns(Protocol):
    """The task runs, in one transaction."""

    def add(self, runs: Sequence[TaskRun]) -> None:
        """Insert."""
        ...

    def get(self, task_run_id: str) -> TaskRun | None:
        """Read."""
        ...

    def defer(self, task_run_id: str) -> Deferred[TaskRun | None]:
        """The same, asked together with what is read next."""
        ...

    def of(self, execution_id: str) -> tuple[TaskRun, ...]:
        """All of an execution's, in the order in which they were made."""
        ...

    def defer_of(self, execution_id: str) -> Deferred[tuple[TaskRun, ...]]:
        """The same, asked together with what is read next."""
        ...

    def uncommitted(self, execution_id: str) -> tuple[TaskRun, ...]:
        """Those that are not committed, whether they still may be or not, in the same order."""
        ...

    def defer_uncommitted(self, execution_id: str) -> Deferred[tuple[TaskRun, ...]]:
        """The same, asked together with what is read next."""
        ...

    def save(self, before: TaskRun, after: TaskRun) -> TaskRun:
        """Write over the state and version of ``before``. Raises StaleWrite as executions do."""
        ...

    def rename(self, before: TaskRun, after: TaskRun) -> None:
        """Write the names of ``after``, and nothing else. The figures of its task go with it.

        Raises StaleWrite as ``save`` does.
        """
        ...

    def renew(
        self, task_run_id: str, claim_no: int, lease: timedelta, step: str | None = None
    ) -> bool:
        """Move the lease's end to that long after now, by the database's clock.

        ``step`` is the path of a step of a flow that is at work now. Returns False when the
        claim is no longer the current one: the run's work is in vain.
        """
        ...

    def fence(self, task_run_id: str, claim_no: int) -> bool:
        """Keep a claim from ending until the transaction does; False when it is lost already."""
        ...

    def lapsed(self, limit: int) -> tuple[str, ...]:
        """Ids of the runs whose lease had ended when the heart last beat, by the same clock."""
        ...

    def claimed_by(self, worker: str) -> tuple[str, ...]:
        """Ids of the runs that this worker holds."""
        ...

    def to_wake(self, now: datetime, limit: int) -> tuple[TaskRun, ...]:
        """Runs that are due and were not published, or too long ago."""
        ...

    def woken(self, run: TaskRun, now: datetime, wake_at: datetime) -> bool:
        """Note that the run is being published again; False when somebody else just did."""
        ...

    def published(self, deployment: str, now: datetime, most: int) -> int:
        """How many due runs of a deployment are published and not claimed, counted up to most.

        Those that were put off are not.
        """
        ...

    def running(self, deployment: str) -> int:
        """How many runs of a deployment are claimed."""
        ...

    def hold(self, task_run_id: str) -> None:
        """Have a run that is due wait for its turn: nobody publishes it before it is admitted."""
        ...

    def held(self, deployment: str, limit: int) -> tuple[TaskRun, ...]:
        """Runs of a deployment that wait for their turn, the longest first.

        The transaction holds their rows, and skips those that another one holds.
        """
        ...

    def held_deployments(self) -> tuple[str, ...]:
        """The deployments that have runs which wait for their turn."""
        ...

    def admit(self, run: TaskRun, now: datetime, wake_at: datetime) -> bool:
        """Note that a held run is being published; False when somebody else just did."""
        ...

    def put_off(self, task_run_id: str, wake_at: datetime, publishes: int) -> None:
        """Have the sweep publish a run that is due at that time, as one published so often."""
        ...


class Outputs(Protocol):
    """The outputs, in one transaction. Each is written once."""

    def add(self, output_id: str, execution_id: str, output: Output, at: datetime) -> None:
        """Insert. Raises TaskFailed when it is too large or has no JSON form."""
        ...

    def get(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """Read several at a time, by id. Raises Unreadable for one that is damaged or gone.

        Each may have megabytes: ``previews`` is for lists.
        """
        ...

    def one(self, output_id: str) -> Output:
        """Read one. Raises Unreadable where it is damaged or gone."""
        ...

    def committed(self, execution_id: str, output_ids: Collection[str]) -> dict[str, Output]:
        """The same for outputs that an execution goes by, which do not change any more.

        They may come from memory. Raises Unreadable.
        """
        ...

    def shown(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """The same for people: in place of one that cannot be read stands an output that says so.

        Its text is empty, and its description is the reason.
        """
        ...

    def previews(self, output_ids: Sequence[str]) -> dict[str, Preview]:
        """Several texts, by id: small ones whole, of large ones (``LARGE``) the beginning alone."""
        ...

    def share(self, output_ids: Sequence[str], execution_id: str) -> None:
        """Keep outputs of another execution for as long as this one is kept as well."""
        ...

    def purge(self, execution_id: str) -> None:
        """Replace what an execution's outputs hold by nothing; they are still found.

        Those that are shared with an execution which is kept stay, until that is purged.
        """
        ...


class Checkpoints(Protocol):
    """The checkpoints, in one transaction. Append-only."""

    def add(self, checkpoint: Checkpoint) -> None:
        """Insert."""
        ...

    def of(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """All of an execution's, in order, by the names that its steps have now.

        Raises Unreadable, and WrittenByNewer for a later format.
        """
        ...

    def shown(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """The same without the runner's own state, which is not read: nobody is shown it."""
        ...

    def of_locked(self, execution: Execution) -> tuple[Checkpoint, ...]:
        """The same for an execution whose row this transaction has locked, partly from memory."""
        ...

    def purge(self, execution_id: str) -> None:
        """Take away what an execution's checkpoints hold of the runner's own state."""
        ...


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries of the timelines are meant; what is None does not matter.

    ``reviews`` leaves only what happens to reviews.
    """

    execution_id: str | None = None
    deployments: Collection[str] | None = None
    reviews: bool = False

    def matches(self, entry: Entry) -> bool:
        """Say whether an entry is meant."""
        return (
            self.execution_id in (None, entry.execution_id)
            and (self.deployments is None or entry.deployment in self.deployments)
            and (not self.reviews or entry.event in REVIEW_EVENTS)
        )


EVERY_ENTRY = EntryFilter()


class Timeline(Protocol):
    """The timelines, in one transaction. Append-only; a purge alone takes words out."""

    def add(self, entries: Sequence[Entry]) -> None:
        """Append, in this order."""
        ...

    def of(self, execution_id: str) -> tuple[Entry, ...]:
        """All entries of an execution, in order."""
        ...

    def settled(self) -> int:
        """A number up to which no entry will be added any more, 0 where there is none.

        It stays below the entries of every transaction in flight. Read what it promises in a later
        transaction than this one.
        """
        ...

    def beyond(
        self, number: int, up_to: int, limit: int, wanted: EntryFilter = EVERY_ENTRY
    ) -> tuple[Entry, ...]:
        """Some of the entries that are wanted, with higher numbers than the first, in order."""
        ...

    def purge(self, execution_id: str) -> None:
        """Replace what people said by its digest."""
        ...
