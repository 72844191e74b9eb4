"""Retry an execution that failed: go on from its last checkpoint."""

from __future__ import annotations

from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import CannotRetry
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.advance import ask_person, begin_due_tasks
from orchestrator.usecases.case import Case, open_case


def retry_execution(
    ports: Ports, deployment: str | None, execution_id: str, actor: str
) -> Execution:
    """Run again what failed or was withdrawn, with all its attempts anew.

    What is committed stays so; an output that waited for a person is put before one again, as a
    new review. Raises UnknownExecution; CannotRetry when it has not failed, or its outputs are
    gone; UnknownDeployment when nobody declares the deployment any more.
    """

    def decide(tx: Transaction) -> Execution:
        case = open_case(ports, tx, execution_id, actor, deployment)
        _require_retryable(case.execution)
        ports.deployments.get(case.execution.deployment)
        case.turn("retry", case.execution.retry())
        for run in tx.task_runs.of(execution_id):
            if run.state is TaskRunState.WITHDRAWN and run.output_id:
                _ask_again(case, run, run.output_id)
        begin_due_tasks(case, case.plan)
        return case.close()

    return ports.store.transact(decide)


def _require_retryable(execution: Execution) -> None:
    if execution.state is not ExecutionState.FAILED:
        raise CannotRetry(
            f"Only a failed execution can be retried; this one is {execution.state.value}"
        )
    if execution.purged_at is not None:
        raise CannotRetry("Its outputs were purged: kick off a new one")


def _ask_again(case: Case, run: TaskRun, output_id: str) -> None:
    output = case.tx.outputs.get([output_id])[output_id]
    ask_person(case, case.save_run("ask_again", run, run.ask_again()), output_id, output)
