"""Read an execution as it stands, or as it came to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.checkpoint import Cause, Checkpoint, name_of, standing
from orchestrator.domain.execution import Execution
from orchestrator.domain.execution_graph import ExecutionGraph, execution_graph
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import Entry
from orchestrator.errors import UnknownExecution, Unreadable
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import token_usage
from orchestrator.usecases.executions.history import committed_outputs


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
        output = self._ports.store.read(lambda tx: tx.outputs.shown([output_id]))[output_id]
        self._last = (output_id, output)
        return output

    def __contains__(self, output_id: object) -> bool:
        return output_id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, slots=True)
class CommittedStep:
    """A task of the crew, or a step of the flow, whose output is final.

    ``path`` is its id within the execution, ``seconds`` how long it took.
    """

    path: str
    name: str
    output_id: str
    at: datetime
    seconds: float | None
    outputs: Mapping[str, Output]

    @property
    def output(self) -> Output:
        """Its output, read now."""
        return self.outputs[self.output_id]


@dataclass(frozen=True, slots=True)
class PendingReview:
    """An open review with the output that a person has to judge."""

    review: Review
    outputs: Mapping[str, Output]

    @property
    def output(self) -> Output:
        """The output, read now."""
        return self.outputs[self.review.output_id]


@dataclass(frozen=True)
class Snapshot:
    """An execution with everything that its status tells, read in one transaction.

    The outputs never change, and are read when they are asked for.
    """

    execution: Execution
    plan: Plan
    runs: tuple[TaskRun, ...]
    reviews: tuple[Review, ...]
    checkpoints: tuple[Checkpoint, ...]
    outputs: Mapping[str, Output]

    @cached_property
    def committed(self) -> tuple[CommittedStep, ...]:
        """What is final: the crew's tasks in the crew's order, a flow's steps as they came."""
        final = [each for each in self.checkpoints if self._is_shown(each)]
        if not self.plan.is_flow:
            final.sort(key=lambda each: self.plan.place(each.path))
        return tuple(
            CommittedStep(
                each.path,
                each.name,
                each.output_id or "",
                each.created_at,
                each.seconds,
                self.outputs,
            )
            for each in final
        )

    def _is_shown(self, checkpoint: Checkpoint) -> bool:
        """Not what surrounds a crew's tasks, nor the run of a flow as a whole."""
        if checkpoint.cause is not Cause.COMMIT:
            return False
        if not self.plan.is_task(checkpoint.path):
            return True
        return self.plan.task(checkpoint.path).kind is TaskKind.TASK

    @property
    def pending(self) -> tuple[PendingReview, ...]:
        """The open reviews, oldest first."""
        return tuple(
            PendingReview(review, self.outputs) for review in self.reviews if review.is_open
        )

    @property
    def current_task(self) -> str | None:
        """The first task of the crew that is not committed, while the execution is open.

        Of a flow the step that a person has been asked about for longest, else one that runs.
        """
        if not self.execution.is_open:
            return None
        if self.plan.is_flow:
            asked = (each.review.task_name for each in self.pending)
            running = (name_of(run.at_step) for run in self.runs if run.at_step)
            return next(chain(asked, running), None)
        done = {committed.path for committed in self.committed}
        return next((name for name in self.plan.names if name not in done), None)

    @property
    def last_executed_task(self) -> CommittedStep | None:
        """The task that was committed last."""
        return max(self.committed, key=lambda step: step.at, default=None)

    @property
    def result(self) -> Output | None:
        """The crew's output, once it has succeeded."""
        return self.outputs[self.execution.result] if self.execution.result else None

    @property
    def graph(self) -> ExecutionGraph:
        """Its tasks or methods, what each comes after, and how each stands."""
        return execution_graph(self.plan, self.runs, self.reviews, self.checkpoints)

    @property
    def usage(self) -> JsonObject:
        """The tokens used so far."""
        return token_usage(self.runs)

    @property
    def saved(self) -> JsonObject:
        """The calls and tokens that the journal spared; empty where it spared none."""
        total: Counter[str] = Counter()
        for run in self.runs:
            total.update({name: int(str(count)) for name, count in (run.saved or {}).items()})
        return dict(total)


def snapshot(ports: Ports, execution_id: str, scope: Scope = EVERYWHERE) -> Snapshot:
    """Read an execution. Raises UnknownExecution (also where it may not be seen), NotEntitled."""
    return ports.store.read(lambda tx: _snapshot(ports, tx, execution_id, scope))


def history(
    ports: Ports, execution_id: str, scope: Scope = EVERYWHERE
) -> tuple[Snapshot, tuple[Entry, ...]]:
    """Read an execution with its timeline. Raises UnknownExecution."""

    def read(tx: Transaction) -> tuple[Snapshot, tuple[Entry, ...]]:
        return _snapshot(ports, tx, execution_id, scope), tx.timeline.of(execution_id)

    return ports.store.read(read)


def _snapshot(ports: Ports, tx: Transaction, execution_id: str, scope: Scope) -> Snapshot:
    execution = readable(tx, execution_id, scope)
    runs = tx.task_runs.of(execution_id)
    plan = _readable_plan(tx, execution.plan_digest) or _plan_of(runs)
    reviews = tx.reviews.of(execution_id)
    checkpoints = standing(_readable_checkpoints(tx, execution, runs))
    wanted: set[str | None] = set(committed_outputs(checkpoints).values())
    wanted |= {review.output_id for review in reviews if review.is_open}
    wanted |= {execution.result}
    outputs = StoredOutputs(ports, (output_id for output_id in wanted if output_id))
    return Snapshot(execution, plan, runs, reviews, checkpoints, outputs)


def _readable_plan(tx: Transaction, digest: str) -> Plan | None:
    try:
        return tx.manifests.plan(digest)
    except Unreadable:
        return None


def _plan_of(runs: Sequence[TaskRun]) -> Plan:
    """What can be told of a plan that is gone: the tasks that were begun."""
    return Plan(tuple(PlannedTask(path) for path in dict.fromkeys(run.path for run in runs)))


def _readable_checkpoints(
    tx: Transaction, execution: Execution, runs: Sequence[TaskRun]
) -> tuple[Checkpoint, ...]:
    """All of them; where one cannot be read, what the task runs tell of what was committed."""
    try:
        return tx.checkpoints.shown(execution.id)
    except Unreadable:
        final = [run for run in runs if run.state is TaskRunState.COMMITTED and run.output_id]
        return tuple(_checkpoint_of(execution, run, n) for n, run in enumerate(final, 1))


def _checkpoint_of(execution: Execution, run: TaskRun, number: int) -> Checkpoint:
    return Checkpoint(
        id=run.id,
        execution_id=execution.id,
        number=number,
        plan_digest=execution.plan_digest,
        cause=Cause.COMMIT,
        path=run.path,
        created_at=run.finished_at or run.created_at,
        name=run.task_name,
        output_id=run.output_id,
        seconds=run.execution_time,
    )


def timeline(
    ports: Ports, execution_id: str, scope: Scope = EVERYWHERE
) -> tuple[Execution, tuple[Entry, ...]]:
    """Read an execution's timeline, in order. Raises UnknownExecution."""

    def read(tx: Transaction) -> tuple[Execution, tuple[Entry, ...]]:
        return readable(tx, execution_id, scope), tx.timeline.of(execution_id)

    return ports.store.read(read)


def readable(tx: Transaction, execution_id: str, scope: Scope) -> Execution:
    """Read an execution. Raises UnknownExecution (also where it may not be seen), NotEntitled."""
    execution = tx.executions.get(execution_id)
    if execution is None:
        raise UnknownExecution(execution_id)
    scope.require(execution.deployment, UnknownExecution(execution_id))
    return execution
