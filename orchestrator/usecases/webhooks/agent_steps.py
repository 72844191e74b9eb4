"""Tell the step webhook what an agent thought and did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import AgentStep, Ports, Transaction
from orchestrator.usecases.executions.locked_execution import lock_claimed


def emit_steps(ports: Ports, claimed: TaskRun, worker: str, steps: Sequence[AgentStep]) -> None:
    """Write the deliveries of several steps of a running task, in one transaction.

    Does nothing where nobody is subscribed, or the claim is lost.
    """

    def decide(tx: Transaction) -> None:
        locked = lock_claimed(ports, tx, claimed, worker)
        if locked is None:
            return
        for step in steps:
            locked.announce(WebhookKind.STEP, {**asdict(step), "task_id": claimed.task_name})
        locked.close()

    if _is_heard(ports, claimed):
        ports.store.transact(decide)


def _is_heard(ports: Ports, claimed: TaskRun) -> bool:
    execution = ports.store.read(lambda tx: tx.executions.get(claimed.execution_id))
    return execution is not None and execution.subscriptions.step is not None
