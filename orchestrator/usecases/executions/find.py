"""Find executions: one, or a page of them."""

from __future__ import annotations

from orchestrator.domain.execution import Execution
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.ports import ExecutionFilter, Ports, Position
from orchestrator.usecases.executions.snapshot import readable


def find_execution(ports: Ports, execution_id: str, scope: Scope = EVERYWHERE) -> Execution:
    """Read one. Raises UnknownExecution (also for one of another deployment)."""
    return ports.store.read(lambda tx: readable(tx, execution_id, scope))


def list_executions(
    ports: Ports, wanted: ExecutionFilter, after: Position | None, limit: int
) -> tuple[Execution, ...]:
    """Some of the executions that are meant, newest first."""
    return ports.store.read(lambda tx: tx.executions.page(wanted, after, limit))
