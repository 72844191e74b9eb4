"""Read an execution as it stands, or as it came to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.execution import Execution
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import Entry
from orchestrator.errors import UnknownExecution
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import token_usage


class StoredOutputs(Mapping[str, Output]):
    """Outputs by id. One is read when it is asked for, and the one before it let go.

    All of an execution's may have more megabytes than should be in memory at a time.
    """

    def __init__(self, ports: Ports, output_ids: Iterable[str]) -> None:
        self._ports = ports
        self._ids = frozenset(output_ids)
        self._last: tuple[str, Output] | None = None

    def __getitem__(self, output_id: str) -> Output:
        if self._last is not None and self._last[0] == output_id:
            return self._last[1]
        if output_id not in self._ids:
            raise KeyError(output_id)
        self._last = None
        output = self._ports.store.read(lambda tx: tx.outputs.get([output_id]))[output_id]
        self._last = (output_id, output)
        return output

    def __contains__(self, output_id: object) -> bool:
        return output_id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, slots=True)
class CommittedTask:
    """A task of the crew whose output is final."""

    task: PlannedTask
    run: TaskRun
    outputs: Mapping[str, Output]

    @property
    def output(self) -> Output:
        """Its output, read now."""
        return self.outputs[self.run.output_id or ""]


@dataclass(frozen=True, slots=True)
class PendingReview:
    """An open review with the output that a person has to judge."""

    review: Review
    outputs: Mapping[str, Output]

    @property
    def output(self) -> Output:
        """The output, read now."""
        return self.outputs[self.review.output_id]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An execution with everything that its status tells, read in one transaction.

    The outputs never change, and are read when they are asked for.
    """

    execution: Execution
    plan: Plan
    runs: tuple[TaskRun, ...]
    reviews: tuple[Review, ...]
    outputs: Mapping[str, Output]

    @property
    def committed(self) -> tuple[CommittedTask, ...]:
        """The crew's tasks whose outputs are final, in the crew's order."""
        final = sorted(
            (run for run in self.runs if run.state is TaskRunState.COMMITTED),
            key=lambda run: run.task_index,
        )
        return tuple(
            CommittedTask(self.plan.tasks[run.task_index], run, self.outputs)
            for run in final
            if run.output_id and self.plan.tasks[run.task_index].kind is TaskKind.TASK
        )

    @property
    def pending(self) -> tuple[PendingReview, ...]:
        """The open reviews, oldest first."""
        return tuple(
            PendingReview(review, self.outputs) for review in self.reviews if review.is_open
        )

    @property
    def current_task(self) -> str | None:
        """The first task of the crew that is not committed, while the execution is open."""
        if not self.execution.is_open:
            return None
        done = {committed.task.name for committed in self.committed}
        return next((name for name in self.plan.names if name not in done), None)

    @property
    def last_executed_task(self) -> CommittedTask | None:
        """The task that was committed last."""
        finished = [task for task in self.committed if task.run.finished_at]
        return max(finished, key=lambda task: str(task.run.finished_at), default=None)

    @property
    def result(self) -> Output | None:
        """The crew's output, once it has succeeded."""
        return self.outputs[self.execution.result] if self.execution.result else None

    @property
    def usage(self) -> JsonObject:
        """The tokens used so far."""
        return token_usage(self.runs)


def snapshot(ports: Ports, execution_id: str, deployment: str | None = None) -> Snapshot:
    """Read an execution. Raises UnknownExecution (also for one of another deployment)."""
    return ports.store.read(lambda tx: _snapshot(ports, tx, execution_id, deployment))


def history(
    ports: Ports, execution_id: str, deployment: str | None = None
) -> tuple[Snapshot, tuple[Entry, ...]]:
    """Read an execution with its timeline. Raises UnknownExecution."""

    def read(tx: Transaction) -> tuple[Snapshot, tuple[Entry, ...]]:
        return _snapshot(ports, tx, execution_id, deployment), tx.timeline.of(execution_id)

    return ports.store.read(read)


def _snapshot(ports: Ports, tx: Transaction, execution_id: str, deployment: str | None) -> Snapshot:
    execution = readable(tx, execution_id, deployment)
    plan = tx.manifests.plan(execution.plan_digest)
    if plan is None:
        raise LookupError(f"no plan {execution.plan_digest} is stored")
    runs = tx.task_runs.of(execution_id)
    reviews = tx.reviews.of(execution_id)
    wanted = {run.output_id for run in runs if run.state is TaskRunState.COMMITTED}
    wanted |= {review.output_id for review in reviews if review.is_open}
    wanted |= {execution.result}
    outputs = StoredOutputs(ports, (output_id for output_id in wanted if output_id))
    return Snapshot(execution, plan, runs, reviews, outputs)


def timeline(
    ports: Ports, execution_id: str, deployment: str | None = None
) -> tuple[Execution, tuple[Entry, ...]]:
    """Read an execution's timeline, in order. Raises UnknownExecution."""

    def read(tx: Transaction) -> tuple[Execution, tuple[Entry, ...]]:
        return readable(tx, execution_id, deployment), tx.timeline.of(execution_id)

    return ports.store.read(read)


def readable(tx: Transaction, execution_id: str, deployment: str | None) -> Execution:
    """Read an execution. Raises UnknownExecution (also for one of another deployment)."""
    execution = tx.executions.get(execution_id)
    if execution is None or deployment not in (None, execution.deployment):
        raise UnknownExecution(execution_id)
    return execution
