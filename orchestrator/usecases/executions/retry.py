"""Retry an execution that failed: go on from its last checkpoint."""

from __future__ import annotations

from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.permission import Scope
from orchestrator.errors import CannotRetry
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import begin_due_tasks
from orchestrator.usecases.executions.ask_again import ask_again
from orchestrator.usecases.executions.locked_execution import lock_execution
from orchestrator.usecases.executions.migrate import migrate_to_deployed


def retry_execution(ports: Ports, scope: Scope, execution_id: str, actor: str) -> Execution:
    """Run again what failed or was withdrawn, with all its attempts anew.

    What is committed stays so; an output that waited for a person is put before one again, as a
    new review. Raises UnknownExecution; CannotRetry when it has not failed, or its outputs are
    gone; UnknownDeployment when nobody declares the deployment any more.
    """

    def decide(tx: Transaction) -> Execution:
        locked = lock_execution(ports, tx, execution_id, actor, scope)
        _require_retryable(locked.execution)
        ports.deployments.get(locked.execution.deployment)
        migrate_to_deployed(locked)
        locked.transition("retry", locked.execution.retry())
        ask_again(locked)
        begin_due_tasks(locked, locked.plan, resumes=True)
        return locked.close()

    return ports.store.transact(decide)


def _require_retryable(execution: Execution) -> None:
    if execution.state is not ExecutionState.FAILED:
        raise CannotRetry(
            f"Only a failed execution can be retried; this one is {execution.state.value}"
        )
    if execution.purged_at is not None:
        raise CannotRetry("Its outputs were purged: kick off a new one")
