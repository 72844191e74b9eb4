"""Retry an execution that failed: go on from its last checkpoint."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import CannotRetry
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import ask_person, begin_due_tasks
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution


def retry_execution(
    ports: Ports, deployment: str | None, execution_id: str, actor: str
) -> Execution:
    """Run again what failed or was withdrawn, with all its attempts anew.

    What is committed stays so; an output that waited for a person is put before one again, as a
    new review. Raises UnknownExecution; CannotRetry when it has not failed, or its outputs are
    gone; UnknownDeployment when nobody declares the deployment any more.
    """

    def decide(tx: Transaction) -> Execution:
        locked = lock_execution(ports, tx, execution_id, actor, deployment)
        _require_retryable(locked.execution)
        ports.deployments.get(locked.execution.deployment)
        locked.turn("retry", locked.execution.retry())
        _ask_again(locked)
        begin_due_tasks(locked, locked.plan)
        return locked.close()

    return ports.store.transact(decide)


def _require_retryable(execution: Execution) -> None:
    if execution.state is not ExecutionState.FAILED:
        raise CannotRetry(
            f"Only a failed execution can be retried; this one is {execution.state.value}"
        )
    if execution.purged_at is not None:
        raise CannotRetry("Its outputs were purged: kick off a new one")


def _ask_again(locked: LockedExecution) -> None:
    """Put before a person again what nobody decided on before the execution failed."""
    asked = {each.path: each for each in locked.checkpoints if each.cause is Cause.ASK}
    over = {each.path for each in locked.checkpoints if each.cause in (Cause.COMMIT, Cause.CUT)}
    reviews = locked.tx.reviews.get([str(each.review_id) for each in asked.values()])
    for checkpoint in asked.values():
        review = reviews[str(checkpoint.review_id)]
        if review.state is not ReviewState.ANSWERED and review.path not in over:
            _open_again(locked, review, checkpoint)


def _open_again(locked: LockedExecution, review: Review, checkpoint: Checkpoint) -> None:
    run = locked.tx.task_runs.get(review.task_run_id)
    if run is None:
        return
    if run.state is TaskRunState.WITHDRAWN and run.output_id:
        run = locked.save_run("ask_again", run, run.ask_again())
    output = locked.tx.outputs.get([review.output_id])[review.output_id]
    question = replace(review.question, path=review.path, name=review.task_name)
    ask_person(locked, run, question, review.output_id, output, checkpoint.state)
