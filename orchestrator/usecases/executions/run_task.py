"""Run one task of a chain: claim, rehydrate, run, and write what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from orchestrator.domain import retry
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.question import Question
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import worker_actor
from orchestrator.domain.webhooks import Stream
from orchestrator.domain.work import Work
from orchestrator.errors import (
    FOREIGN,
    ClaimLost,
    DeploymentBroken,
    Sealed,
    TaskFailed,
    UnknownTaskRun,
    Unreadable,
    WrittenByNewer,
    cause,
)
from orchestrator.ports import Ended, Halted, Ports, Result, StepWatch, Transaction
from orchestrator.usecases.executions.advance import (
    begin_due_tasks,
    commit_task,
    withdraw_reviews,
)
from orchestrator.usecases.executions.call_journal import ClaimedJournal, closing, journal_of
from orchestrator.usecases.executions.changed_code import (
    Turns,
    is_for_other_code,
    pass_on,
    put_off,
    require_same_code,
)
from orchestrator.usecases.executions.claimed_run import ClaimedRun
from orchestrator.usecases.executions.claims import end_attempt, still_held
from orchestrator.usecases.executions.fail_attempt import fail_attempt
from orchestrator.usecases.executions.halts import Paused, halt, pause
from orchestrator.usecases.executions.history import read_history
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.executions.publishing import admit_after, admit_next, is_full
from orchestrator.usecases.executions.unknown_calls import halt_for_unknown_call
from orchestrator.usecases.operations.refuse_job import Refusal, refuse_job
from orchestrator.usecases.outage import retry_through_outage
from orchestrator.usecases.reviews.open import ask_person
from orchestrator.usecases.reviews.weigh import Weighed, conclude_weighing, weigh
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


class PassedOn:
    """A run that was published again, for another process to take."""


def run_task(
    ports: Ports, worker: Worker, execution_id: str, task_run_id: str
) -> TaskRunState | None:
    """Run the task run to its end, unless somebody else holds it or nothing is due any more.

    Safe to call any number of times, in any number of places at once. Returns what became of the
    run: UNDER_REVIEW, HALTED, COMMITTED, DUE (again, after a failed attempt) or FAILED; None where
    nothing was due, or the result was refused. Raises UnknownExecution, and UnknownTaskRun where
    the execution has no such run.
    """
    try:
        claimed = ports.store.transact(
            lambda tx: _claim(ports, tx, worker, execution_id, task_run_id), durable=False
        )
    except Sealed as error:
        _leave(ports, worker, execution_id, task_run_id, error)
        return None
    if isinstance(claimed, PassedOn):
        worker.turns.step_aside()
    if not isinstance(claimed, Claimed):
        log.info("job found nothing to do", execution_id=execution_id, task_run_id=task_run_id)
        return None
    ports.crash_point("after-claim")
    try:
        return _run_claimed(ports, worker, claimed)
    finally:
        if ports.deployments.get(claimed.run.deployment).max_running is not None:
            admit_after(ports, claimed.run.deployment)


def _run_claimed(ports: Ports, worker: Worker, claimed: Claimed) -> TaskRunState | None:
    execution_id, task_run_id = claimed.run.execution_id, claimed.run.id
    deployment = ports.deployments.get(claimed.run.deployment)
    journal = journal_of(ports, worker.name, claimed.run, deployment)
    try:
        result, seconds = _run(ports, worker, claimed, deployment, journal)
    except ClaimLost:
        log.warning("claim lost", execution_id=execution_id, task_run_id=task_run_id)
        return None
    except FOREIGN as error:  # whatever the user's code raises is a failed attempt
        return fail_attempt(ports, claimed.run, worker_actor(worker.name), _reason(error), error)
    return _accept(ports, worker, claimed, journal, result, seconds)


def _claim(
    ports: Ports, tx: Transaction, worker: Worker, execution_id: str, task_run_id: str
) -> Claimed | PassedOn | None:
    locked = lock_execution(ports, tx, execution_id, worker_actor(worker.name))
    run = tx.task_runs.get(task_run_id)
    if run is None or run.execution_id != execution_id:
        raise UnknownTaskRun(task_run_id)
    if not _is_due(locked, run):
        return None
    try:
        locked.checkpoints  # noqa: B018 - read for what it raises
        if is_for_other_code(
            locked, run, worker.loaded_plan, knows_who_lives=worker.knows_who_lives()
        ):
            return PassedOn() if pass_on(locked, run, worker.turns) else None
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
    lease_until = locked.now + retry.LEASE
    claimed = locked.save_run(
        "claim", run, run.claim(worker.name, locked.now, lease_until), claim_no=run.claim_no + 1
    )
    if locked.execution.state is ExecutionState.QUEUED:
        locked.turn("start", locked.execution.start(locked.now))
        emit_started(locked)
    work = _rehydrated(locked, claimed)
    execution = locked.close()
    if work is None:
        return None
    return Claimed(claimed, work, execution.checkpoints, execution.subscriptions.stream)


def _may_run(locked: LockedExecution, run: TaskRun) -> bool:
    """Whether it may run here and now; if not, what it waits for is written down."""
    if run.deployment not in locked.ports.deployments.names():
        return False  # for a worker whose deployment file has it
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
    log.error("wrong secret key", task_run_id=task_run_id, reason=error.message)


def _is_due(locked: LockedExecution, run: TaskRun) -> bool:
    """Before its time a run is nobody's, whatever job comes: the sweep publishes it when due."""
    is_due = run.state is TaskRunState.DUE and run.due_at <= locked.now
    return locked.execution.is_open and is_due


def _rehydrated(locked: LockedExecution, run: TaskRun) -> Work | None:
    """The work of a claimed run; None, and the execution has failed, where it cannot be read."""
    try:
        return rehydrate(locked, run)
    except Sealed:
        raise
    except Unreadable as error:
        log.error("execution cannot go on", task_run_id=run.id, reason=error.message)  # noqa: TRY400 - the reason says all
        end_attempt(locked, run, f"{error.message}. {_MEND}", retryable=False)
        return None


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
        history=()
        if run.weighs
        else read_history(locked.tx, locked.checkpoints, locked.plan, run.path),
    )


def _run(
    ports: Ports,
    worker: Worker,
    claimed: Claimed,
    deployment: Deployment,
    journal: ClaimedJournal | None,
) -> tuple[Result | Weighed | Paused, float]:
    run = claimed.run
    require_same_code(deployment, claimed.work.plan, worker.loaded_plan(deployment))
    runner = ports.runners[deployment.runner]
    began = time.monotonic()
    with closing(journal), worker.keeper.keep(run, claimed.stream) as progress:
        result: Result | Weighed | Paused
        if run.weighs:
            result = weigh(ports, runner, deployment, run.weighs)
        else:
            context = ClaimedRun(ports, worker.name, run, progress, journal)
            result = runner.run(deployment, claimed.work, context)
            # What a task gives though its halt was caught is nothing; a flow may do without.
            if journal and journal.held and not (claimed.work.plan.is_flow and _is_end(result)):
                result = Paused(result.usage, journal.held)
    return result, time.monotonic() - began


def _is_end(result: Result) -> bool:
    return isinstance(result, Ended)


def _reason(error: BaseException) -> str:
    if isinstance(error, (TaskFailed, DeploymentBroken)):
        return error.message
    return cause(error)


def _accept(
    ports: Ports,
    worker: Worker,
    claimed: Claimed,
    journal: ClaimedJournal | None,
    result: Result | Weighed | Paused,
    seconds: float,
) -> TaskRunState | None:
    """Write what came of the run; refuse it where the claim was lost."""
    actor = worker_actor(worker.name)

    as_claimed = [claimed.run]  # nothing but a lost claim changes it, as a rule: not read again

    def save(tx: Transaction) -> TaskRunState:
        locked = lock_execution(ports, tx, claimed.run.execution_id, actor)
        run = as_claimed.pop() if as_claimed else still_held(locked, claimed.run)
        saved = _save(locked, run, claimed, result, seconds)
        if journal is not None and not isinstance(result, Paused):
            journal.purge(tx, run)
        locked.close()
        return saved.state

    try:
        return retry_through_outage(lambda: ports.store.transact(save))
    except ClaimLost:
        log.warning("result refused", task_run_id=claimed.run.id, claim_no=claimed.run.claim_no)
        refuse_job(ports, Refusal.CLAIM_LOST, task_run_id=claimed.run.id)
        return None
    except TaskFailed as error:
        return fail_attempt(ports, claimed.run, actor, error.message, error)


def _save(
    locked: LockedExecution,
    run: TaskRun,
    claimed: Claimed,
    result: Result | Weighed | Paused,
    seconds: float,
) -> TaskRun:
    match result:
        case Ended(question=Question() as question):
            return _put_before_person(locked, run, result, question, seconds)
        case Ended():
            return _commit(locked, run, result, seconds)
        case Halted():
            return halt(locked, run, claimed.seen, result, seconds)
        case Paused():
            return pause(locked, run, claimed.seen, result, seconds)
        case Weighed():
            return conclude_weighing(locked, run, result, seconds)


def _put_before_person(
    locked: LockedExecution, run: TaskRun, result: Ended, question: Question, seconds: float
) -> TaskRun:
    output_id = _store(locked, run, result.output)
    saved = locked.save_run("ask", run, run.ask(output_id, dict(result.usage), seconds))
    ask_person(locked, saved, question, output_id, result.output)
    return saved


def _commit(locked: LockedExecution, run: TaskRun, result: Ended, seconds: float) -> TaskRun:
    output_id = _store(locked, run, result.output)
    metered = run.metered(dict(result.usage), seconds)
    withdraw_reviews(locked, run)
    saved = commit_task(locked, locked.plan, run, output_id, result.output, metered)
    begin_due_tasks(locked, locked.plan)
    return saved


def _store(locked: LockedExecution, run: TaskRun, output: Output) -> str:
    output_id = locked.ports.ids.new()
    locked.tx.outputs.add(output_id, run.execution_id, output, locked.now)
    return output_id
