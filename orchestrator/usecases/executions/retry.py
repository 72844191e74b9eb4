"""Retry an execution that failed: go on from its last checkpoint."""

from __future__ import annotations

from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.task_run import TaskRun, TaskRunState
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
        for run in tx.task_runs.of(execution_id):
            if run.state is TaskRunState.WITHDRAWN and run.output_id:
                _ask_again(locked, run, run.output_id)
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


def _ask_again(locked: LockedExecution, run: TaskRun, output_id: str) -> None:
    output = locked.tx.outputs.get([output_id])[output_id]
    ask_person(locked, locked.save_run("ask_again", run, run.ask_again()), output_id, output)
