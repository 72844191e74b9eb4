"""List the executions."""

from __future__ import annotations

from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.errors import UnknownExecution
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


def find_execution(ports: Ports, execution_id: str, deployment: str | None) -> Execution:
    """The execution with that id.

    Raises UnknownExecution, also for one of another deployment than the one that is named.
    """
    found = ports.store.read(lambda tx: tx.executions.get(execution_id))
    if found is None or deployment not in (None, found.deployment):
        raise UnknownExecution(execution_id)
    return found
