"""List the executions."""

from __future__ import annotations

from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.ports import Ports, Position


def list_executions(
    ports: Ports,
    deployment: str | None,
    state: ExecutionState | None,
    after: Position | None,
    limit: int,
) -> tuple[Execution, ...]:
    """Some of the executions of a deployment, or of all, newest first."""
    return ports.store.read(lambda tx: tx.executions.page(deployment, state, after, limit))
