"""Run one task of a chain: claim, rehydrate, run, and accept the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog

from orchestrator.domain import retry
from orchestrator.domain.chain import Chain, Remark
from orchestrator.domain.deployment import Deployment, OnCodeChange
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import worker_actor
from orchestrator.errors import FOREIGN, ClaimLost, DeploymentBroken, TaskFailed, cause
from orchestrator.ports import Ports, Progress, TaskResult, Transaction
from orchestrator.usecases.executions.advance import ask_person, begin_due_tasks, commit_task
from orchestrator.usecases.executions.claims import still_held
from orchestrator.usecases.executions.fail_attempt import fail_attempt
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.outage import retry_through_outage
from orchestrator.usecases.webhooks.stream_events import tell_started

log = structlog.get_logger()


class LeaseKeeper(Protocol):
    """Keeps a claim alive while its task runs."""

    def keep(self, run: TaskRun) -> AbstractContextManager[Progress]:
        """Renew the lease until the context ends, or until the claim turns out to be lost."""
        ...


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker process that a job runs in.

    ``loaded_plan`` gives the plan of a deployment as this process has loaded it; it raises
    DeploymentBroken where it did not load.
    """

    name: str
    keeper: LeaseKeeper
    loaded_plan: Callable[[Deployment], Plan]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task run that this process holds, and its chain as rehydrated from the checkpoint."""

    run: TaskRun
    chain: Chain


def run_task(
    ports: Ports, worker: Worker, execution_id: str, task_run_id: str
) -> TaskRunState | None:
    """Run the task run to its end, unless somebody else holds it or nothing is due any more.

    Safe to call any number of times, in any number of places at once. Returns what became of the
    run: UNDER_REVIEW, COMMITTED, DUE (again, after a failed attempt) or FAILED; None where nothing
    was due, or the result was refused.
    """
    claimed = ports.store.transact(lambda tx: _claim(ports, tx, worker, execution_id, task_run_id))
    if claimed is None:
        log.info("job found nothing due", execution_id=execution_id, task_run_id=task_run_id)
        return None
    ports.crash_point("after-claim")
    try:
        result, seconds = _run(ports, worker, claimed)
    except ClaimLost:
        log.warning("claim lost", execution_id=execution_id, task_run_id=task_run_id)
        return None
    except FOREIGN as error:  # whatever the user's code raises is a failed attempt
        return fail_attempt(ports, claimed.run, worker_actor(worker.name), _reason(error), error)
    return _accept(ports, worker, claimed, result, seconds)


def _claim(
    ports: Ports, tx: Transaction, worker: Worker, execution_id: str, task_run_id: str
) -> Claimed | None:
    locked = lock_execution(ports, tx, execution_id, worker_actor(worker.name))
    run = tx.task_runs.get(task_run_id)
    if run is None or not _is_due(locked, run):
        return None
    lease_until = locked.now + retry.LEASE
    claimed = locked.save_run(
        "claim", run, run.claim(worker.name, locked.now, lease_until), claim_no=run.claim_no + 1
    )
    if locked.execution.state is ExecutionState.QUEUED:
        locked.turn("start", locked.execution.start(locked.now))
        tell_started(locked)
    chain = rehydrate(locked, claimed)
    locked.close()
    return Claimed(claimed, chain)


def _is_due(locked: LockedExecution, run: TaskRun) -> bool:
    """A run of a deployment that this worker's file does not have is left to other workers.

    Before its time a run is nobody's, whatever job comes: the sweep publishes it when it is due.
    """
    is_declared = run.deployment in locked.ports.deployments.names()
    is_due = run.state is TaskRunState.DUE and run.due_at <= locked.now
    return locked.execution.is_open and is_due and is_declared


def rehydrate(locked: LockedExecution, run: TaskRun) -> Chain:
    """Build what remains of the chain from the newest checkpoint, for the task that is due."""
    found = locked.tx.reviews.get(locked.answered)
    reviews = [found[review_id] for review_id in locked.answered]
    own = [review.output_id for review in reviews if review.task_index == run.task_index]
    outputs = locked.tx.outputs.get([*locked.committed.values(), *own])
    return Chain(
        execution_id=run.execution_id,
        deployment=run.deployment,
        plan=locked.plan,
        task_index=run.task_index,
        round=run.round,
        inputs=locked.execution.inputs,
        outputs={index: outputs[output_id] for index, output_id in locked.committed.items()},
        remarks=tuple(_remark(review, outputs.get(review.output_id)) for review in reviews),
    )


def _remark(review: Review, output: Output | None) -> Remark:
    return Remark(
        task_index=review.task_index,
        task_name=review.task_name,
        round=review.round,
        approved=bool(review.approved),
        words=review.words or "",
        output=output,
    )


def _run(ports: Ports, worker: Worker, claimed: Claimed) -> tuple[TaskResult, float]:
    deployment = ports.deployments.get(claimed.run.deployment)
    _require_same_code(deployment, claimed.chain.plan, worker.loaded_plan(deployment))
    runner = ports.runners[deployment.runner]
    began = time.monotonic()
    with worker.keeper.keep(claimed.run) as progress:
        result = runner.run(deployment, claimed.chain, progress)
    return result, time.monotonic() - began


def _require_same_code(deployment: Deployment, begun: Plan, loaded: Plan) -> None:
    if begun.digest == loaded.digest:
        return
    tolerant = deployment.on_code_change is OnCodeChange.SAME_TASKS
    if tolerant and begun.shape == loaded.shape:
        return
    message = (
        f"The code of deployment {deployment.name!r} changed since this execution began "
        f"(tasks then: {', '.join(begun.names)}; now: {', '.join(loaded.names)}). "
        "Deploy the earlier code, then retry the execution; or kick off a new one."
    )
    raise TaskFailed(message, retryable=False)


def _reason(error: BaseException) -> str:
    if isinstance(error, (TaskFailed, DeploymentBroken)):
        return error.message
    return cause(error)


def _accept(
    ports: Ports, worker: Worker, claimed: Claimed, result: TaskResult, seconds: float
) -> TaskRunState | None:
    """Commit the result, or put it before a person; refuse it where the claim was lost."""
    try:
        return retry_through_outage(
            lambda: ports.store.transact(
                lambda tx: _save(ports, tx, worker, claimed, result, seconds)
            )
        )
    except ClaimLost:
        log.warning("result refused", task_run_id=claimed.run.id, claim_no=claimed.run.claim_no)
        return None
    except TaskFailed as error:
        return fail_attempt(ports, claimed.run, worker_actor(worker.name), error.message, error)


def _save(
    ports: Ports,
    tx: Transaction,
    worker: Worker,
    claimed: Claimed,
    result: TaskResult,
    seconds: float,
) -> TaskRunState:
    locked = lock_execution(ports, tx, claimed.run.execution_id, worker_actor(worker.name))
    run = still_held(locked, claimed.run)
    output_id = ports.ids.new()
    tx.outputs.add(output_id, run.execution_id, result.output, locked.now)
    plan = locked.plan
    task = plan.tasks[run.task_index]
    if task.human_input and task.kind is TaskKind.TASK and not result.skipped:
        saved = locked.save_run("ask", run, run.ask(output_id, dict(result.usage), seconds))
        ask_person(locked, saved, output_id, result.output)
    else:
        metered = run.metered(dict(result.usage), seconds)
        saved = commit_task(locked, plan, run, output_id, result.output, metered)
        begin_due_tasks(locked, plan)
    locked.close()
    return saved.state
