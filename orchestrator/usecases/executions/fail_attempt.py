"""Fail an attempt of a task run: try again later, or fail the execution."""

from __future__ import annotations

import structlog

from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import ClaimLost, TaskFailed
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.claims import end_attempt, require_claim
from orchestrator.usecases.executions.locked_execution import lock_execution
from orchestrator.usecases.outage import retry_through_outage

log = structlog.get_logger()


def fail_attempt(
    ports: Ports, claimed: TaskRun, actor: str, reason: str, error: BaseException | None = None
) -> TaskRunState | None:
    """Note that the claimed run failed; None, and nothing done, where the claim was lost meanwhile.

    While the deployment's limit allows another run it becomes due again, with backoff, unless
    ``error`` says that another would fail alike.
    """
    log.warning(
        "attempt failed",
        execution_id=claimed.execution_id,
        task=claimed.task_name,
        attempt=claimed.attempts,
        reason=reason,
        exc_info=error if not isinstance(error, TaskFailed) else None,
    )
    retryable = error.retryable if isinstance(error, TaskFailed) else True

    def decide(tx: Transaction) -> TaskRunState:
        locked = lock_execution(ports, tx, claimed.execution_id, actor)
        ended = end_attempt(locked, require_claim(locked, claimed), reason, retryable=retryable)
        locked.close()
        return ended.state

    try:
        return retry_through_outage(lambda: ports.store.transact(decide))
    except ClaimLost:
        log.info(
            "failure ignored: claim was lost", task_run_id=claimed.id, claim_no=claimed.claim_no
        )
        return None
