"""Claim a task run that is due, and rehydrate its work; what cannot run here is left to others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from orchestrator.domain import retry
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.history import Entry
from orchestrator.domain.plan import Plan
from orchestrator.domain.renaming import migrations
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import worker_actor
from orchestrator.domain.webhooks import Stream
from orchestrator.domain.work import Work
from orchestrator.errors import (
    Sealed,
    UnknownTaskRun,
    Unreadable,
    WrittenByNewer,
)
from orchestrator.ports import Ports, StepWatch, Transaction
from orchestrator.usecases.executions.changed_code import (
    Turns,
    is_for_other_code,
    pass_on,
    put_off,
)
from orchestrator.usecases.executions.claims import end_attempt
from orchestrator.usecases.executions.history import read_history
from orchestrator.usecases.executions.locked_execution import (
    LockedExecution,
    lock_and_read,
    lock_execution,
)
from orchestrator.usecases.executions.migrate import migrate_to_loaded
from orchestrator.usecases.executions.publishing import admit_next, is_full
from orchestrator.usecases.executions.unknown_calls import halt_for_unknown_call
from orchestrator.usecases.webhooks.stream_events import emit_started

log = structlog.get_logger()

_MEND = "Restore it from a backup, then retry the execution; or kick off a new one"
"""What to do about an execution whose stored state cannot be read."""


class LeaseKeeper(Protocol):
    """Keeps a claim alive while its task runs."""

    def keep(self, run: TaskRun, stream: Stream | None) -> AbstractContextManager[StepWatch]:
        """Renew the lease until the context ends, or until the claim turns out to be lost.

        ``stream`` says who hears of what happens in the run.
        """
        ...


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker process that a job runs in.

    ``loaded_plan`` gives the plan of a deployment as this process has loaded it; it raises
    DeploymentBroken where it did not load. ``knows_who_lives`` says whether its own signs of life
    came through unbroken, so that it can tell which other workers are dead; ``turns`` is how it
    lets others have the jobs that it passes on.
    """

    name: str
    keeper: LeaseKeeper
    loaded_plan: Callable[[Deployment], Plan]
    knows_who_lives: Callable[[], bool] = lambda: True
    turns: Turns = field(default_factory=Turns)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task run that this process holds, and its work as rehydrated from the checkpoints.

    ``seen`` is the number of the last checkpoint that the work knows of, ``stream`` who hears of
    what happens in it.
    """

    run: TaskRun
    work: Work
    seen: int
    stream: Stream | None


class _PassedOn:
    """A run that was published again, for another process to take."""


def claim(ports: Ports, worker: Worker, execution_id: str, task_run_id: str) -> Claimed | None:
    """Claim the run; None where somebody else holds it, nothing is due, or another should run it.

    Raises UnknownExecution, and UnknownTaskRun where the execution has no such run.
    """
    try:
        claimed = ports.store.transact(
            lambda tx: _claim(ports, tx, worker, execution_id, task_run_id), durable=False
        )
    except Sealed as error:
        _leave(ports, worker, execution_id, task_run_id, error)
        return None
    if isinstance(claimed, _PassedOn):
        worker.turns.step_aside()
        return None
    return claimed


def _claim(
    ports: Ports, tx: Transaction, worker: Worker, execution_id: str, task_run_id: str
) -> Claimed | _PassedOn | None:
    locked, run = lock_and_read(
        ports,
        tx,
        execution_id,
        worker_actor(worker.name),
        lambda: tx.task_runs.get(task_run_id),
    )
    if run is None or run.execution_id != execution_id:
        raise UnknownTaskRun(task_run_id)
    if not _is_due(locked, run):
        _await_due(locked, run)
        return None
    try:
        locked.checkpoints  # noqa: B018 - read for what it raises
        if is_for_other_code(
            locked, run, worker.loaded_plan, knows_who_lives=worker.knows_who_lives()
        ):
            return _PassedOn() if pass_on(locked, run, worker.turns) else None
    except WrittenByNewer as error:
        put_off(locked, run, retry.FIRST_PUBLISH_AGAIN)
        log.warning("left to a newer version", task_run_id=run.id, reason=error.message)
        return None
    except Sealed:
        raise
    except Unreadable:
        pass  # whoever claims it says so
    if not _may_run(locked, run):
        return None
    run = migrate_to_loaded(locked, run, worker.loaded_plan)
    lease_until = locked.now + retry.LEASE
    claimed = locked.save_run(
        "claim", run, run.claim(worker.name, locked.now, lease_until), claim_no=run.claim_no + 1
    )
    if locked.execution.state is ExecutionState.QUEUED:
        locked.transition("start", locked.execution.start(locked.now))
        emit_started(locked)
    work = _rehydrated(locked, claimed)
    execution = locked.close()
    if work is None:
        return None
    return Claimed(claimed, work, execution.checkpoints, execution.subscriptions.stream)


def _may_run(locked: LockedExecution, run: TaskRun) -> bool:
    """Whether it may run here and now; if not, what it waits for is written down.

    Raises Sealed.
    """
    if run.deployment not in locked.ports.deployments.names():
        return False  # for a worker whose deployment file has it
    if run.claim_no:
        locked.tx.calls.require_key(run)
    if is_full(locked.ports, locked.tx, run):
        locked.tx.task_runs.hold(run.id)
        return False
    if run.resumes or locked.execution.state is ExecutionState.QUEUED:
        admit_next(locked, run)
    return not halt_for_unknown_call(locked, run)


def _leave(
    ports: Ports, worker: Worker, execution_id: str, task_run_id: str, error: Sealed
) -> None:
    """Leave a run to a process that has the secret key: nothing fails for want of it."""

    def decide(tx: Transaction) -> None:
        locked = lock_execution(ports, tx, execution_id, worker_actor(worker.name))
        run = tx.task_runs.get(task_run_id)
        if run is not None and _is_due(locked, run):
            put_off(locked, run, retry.FIRST_PUBLISH_AGAIN)

    ports.store.transact(decide)
    log.error("task waits for its secret key", task_run_id=task_run_id, reason=error.message)


def _is_due(locked: LockedExecution, run: TaskRun) -> bool:
    """Before its time a run is nobody's, whatever job comes: the sweep publishes it when due."""
    is_due = run.state is TaskRunState.DUE and run.due_at <= locked.now
    return locked.execution.is_open and is_due


def _await_due(locked: LockedExecution, run: TaskRun) -> None:
    """Have a run that is due in a moment published then: the clock was set back by so much."""
    if run.state is TaskRunState.DUE and run.due_at < run.wake_at:
        locked.tx.task_runs.put_off(run.id, run.due_at, publishes=0)


def _rehydrated(locked: LockedExecution, run: TaskRun) -> Work | None:
    """The work of a claimed run; None, and the execution has failed, where it cannot be read."""
    try:
        work = rehydrate(locked, run)
    except Sealed:
        raise
    except Unreadable as error:
        log.error("execution cannot go on", task_run_id=run.id, reason=error.message)  # noqa: TRY400 - the reason says all
        end_attempt(locked, run, f"{error.message}. {_MEND}", retryable=False)
        return None
    _note_what_is_read(locked, run, work)
    return work


def _note_what_is_read(locked: LockedExecution, run: TaskRun, work: Work) -> None:
    """Write down whose words this run is the first to be given: from now on they are read.

    In the transaction of the claim, under the lock that taking words back needs as well: whoever
    comes second sees what the first one did.
    """
    ids = [run.weighs] if run.weighs else [each.review_id for each in work.reads_first]
    for review in locked.reviews if ids else ():
        if review.id in ids:
            locked.overwrite_review(review, review.read(run.id))


def rehydrate(locked: LockedExecution, run: TaskRun) -> Work:
    """Build what remains of the chain from the checkpoints, for the task that is due.

    Raises Unreadable.
    """
    return Work(
        execution_id=run.execution_id,
        deployment=run.deployment,
        plan=locked.plan,
        path=run.path,
        round=run.round,
        inputs=locked.execution.inputs,
        history=_history(locked, run),
        migrations=migrations(locked.all_checkpoints),
    )


def _history(locked: LockedExecution, run: TaskRun) -> tuple[Entry, ...]:
    """None for words that are to be weighed, but what they are about has to be readable."""
    if run.weighs is None:
        return read_history(locked, run.path)
    for review in locked.reviews:
        if review.id == run.weighs:
            locked.tx.outputs.one(review.output_id)
    return ()
