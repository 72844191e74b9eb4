"""Run one task of a chain: have it claimed, run it, and write what came of it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.question import Question
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import worker_actor
from orchestrator.errors import FOREIGN, ClaimLost, DeploymentBroken, TaskFailed, cause
from orchestrator.ports import WHOLE_FLOW, Ended, Halted, Ports, Result, Transaction
from orchestrator.usecases.executions.advance import (
    begin_due_tasks,
    commit_task,
    withdraw_reviews,
)
from orchestrator.usecases.executions.call_journal import ClaimedJournal, closing, journal_of
from orchestrator.usecases.executions.changed_code import require_same_code
from orchestrator.usecases.executions.claimed_run import ClaimedRun
from orchestrator.usecases.executions.claiming import Claimed, Worker, claim
from orchestrator.usecases.executions.claims import require_claim
from orchestrator.usecases.executions.fail_attempt import fail_attempt
from orchestrator.usecases.executions.halts import AwaitsApproval, halt, pause
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.executions.publishing import admit_after
from orchestrator.usecases.operations.refuse_job import Refusal, refuse_job
from orchestrator.usecases.outage import retry_through_outage
from orchestrator.usecases.reviews.open import ask_person
from orchestrator.usecases.reviews.weigh import Weighed, conclude_weighing, weigh

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Ran:
    """A run that came to an end in this process, and nothing of that is written yet.

    ``context`` may have a last write that waits, which goes with that of the end.
    """

    result: Result | Weighed | AwaitsApproval
    seconds: float
    context: ClaimedRun


def run_task(
    ports: Ports, worker: Worker, execution_id: str, task_run_id: str
) -> TaskRunState | None:
    """Run the task run to its end, unless somebody else holds it or nothing is due any more.

    Safe to call any number of times, in any number of places at once. Returns what became of the
    run: UNDER_REVIEW, HALTED, COMMITTED, DUE (again, after a failed attempt) or FAILED; None where
    nothing was due, or the result was refused. Raises UnknownExecution, and UnknownTaskRun where
    the execution has no such run.
    """
    claimed = claim(ports, worker, execution_id, task_run_id)
    if claimed is None:
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
        ran = _run(ports, worker, claimed, deployment, journal)
    except ClaimLost:
        log.warning("claim lost", execution_id=execution_id, task_run_id=task_run_id)
        return None
    except FOREIGN as error:  # whatever the user's code raises is a failed attempt
        return fail_attempt(ports, claimed.run, worker_actor(worker.name), _reason(error), error)
    return _accept(ports, worker, claimed, journal, ran)


def _run(
    ports: Ports,
    worker: Worker,
    claimed: Claimed,
    deployment: Deployment,
    journal: ClaimedJournal | None,
) -> _Ran:
    run = claimed.run
    require_same_code(deployment, claimed.work.plan, worker.loaded_plan(deployment))
    runner = ports.runners[deployment.runner]
    began = time.monotonic()
    with closing(journal), worker.keeper.keep(run, claimed.stream) as progress:
        context = ClaimedRun(ports, worker.name, run, progress, journal)
        if run.weighs:
            weighed = weigh(ports, runner, deployment, run.weighs)
            return _Ran(weighed, time.monotonic() - began, context)
        if claimed.work.plan.is_flow:  # a crew's task has the time limit of its job
            progress.begin(WHOLE_FLOW)
        result: Result | AwaitsApproval
        try:
            result = runner.run(deployment, claimed.work, context)
        except FOREIGN:
            context.write_waiting()
            raise
        # What a task gives though its halt was caught is nothing; a flow may do without.
        if journal and journal.held and not (claimed.work.plan.is_flow and _is_end(result)):
            result = AwaitsApproval(result.usage, journal.held)
    return _Ran(result, time.monotonic() - began, context)


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
    ran: _Ran,
) -> TaskRunState | None:
    """Write what came of the run; refuse it where the claim was lost."""
    actor = worker_actor(worker.name)

    waiting = ran.context.take_waiting()
    known = [ran.context.as_written]  # nobody else changes it, as a rule: not read again

    def save(tx: Transaction) -> TaskRunState:
        locked = lock_execution(ports, tx, claimed.run.execution_id, actor)
        run = known.pop() if known else require_claim(locked, claimed.run)
        if waiting is not None:
            run = waiting(locked, run)
        saved = _save(locked, run, claimed, _unpaid(ran.result, run, claimed), ran.seconds)
        if journal is not None:
            _forget_calls(journal, tx, run, ran.result)
        locked.close()
        return saved.state

    try:
        return retry_through_outage(lambda: ports.store.transact(save))
    except ClaimLost:
        log.warning("result refused", task_run_id=claimed.run.id, claim_no=claimed.run.claim_no)
        refuse_job(ports, Refusal.CLAIM_LOST, task_run_id=claimed.run.id)
        return None
    except TaskFailed as error:
        if waiting is not None:
            with suppress(TaskFailed, ClaimLost):  # what it is that fails is said below
                ran.context.write(waiting)
        return fail_attempt(ports, claimed.run, actor, error.message, error)


def _unpaid(
    result: Result | Weighed | AwaitsApproval, run: TaskRun, claimed: Claimed
) -> Result | Weighed | AwaitsApproval:
    """The result with that of its cost which the run does not have yet."""
    if not isinstance(result, Ended | Halted) or run.usage == claimed.run.usage:
        return result
    return replace(result, usage=run.unpaid(result.usage, claimed.run))


def _forget_calls(
    journal: ClaimedJournal,
    tx: Transaction,
    run: TaskRun,
    result: Result | Weighed | AwaitsApproval,
) -> None:
    """Delete what of the journal nothing can come back to."""
    if isinstance(result, Halted):
        journal.halt(tx, run)
    elif not isinstance(result, AwaitsApproval):
        journal.purge(tx, run)


def _save(
    locked: LockedExecution,
    run: TaskRun,
    claimed: Claimed,
    result: Result | Weighed | AwaitsApproval,
    seconds: float,
) -> TaskRun:
    match result:
        case Ended(question=Question() as question):
            return _put_before_person(locked, run, result, question, seconds)
        case Ended():
            return _commit(locked, run, result, seconds)
        case Halted():
            return halt(locked, run, claimed.seen, result, seconds)
        case AwaitsApproval():
            return pause(locked, run, claimed.run, claimed.seen, result, seconds)
        case Weighed():
            return conclude_weighing(locked, run, result, seconds)


def _put_before_person(
    locked: LockedExecution, run: TaskRun, result: Ended, question: Question, seconds: float
) -> TaskRun:
    output_id = locked.store_output(result.output)
    saved = locked.save_run("ask", run, run.ask(output_id, dict(result.usage), seconds))
    ask_person(locked, saved, question, output_id, result.output)
    return saved


def _commit(locked: LockedExecution, run: TaskRun, result: Ended, seconds: float) -> TaskRun:
    output_id = locked.store_output(result.output)
    metered = run.metered(dict(result.usage), seconds)
    withdraw_reviews(locked)
    saved = commit_task(locked, locked.plan, run, output_id, result.output, metered)
    begin_due_tasks(locked, locked.plan)
    return saved
