"""See what became of producers' messages."""

from __future__ import annotations

from orchestrator.domain.intake import IntakeMessage, IntakeState
from orchestrator.domain.permission import Scope
from orchestrator.ports import Ports


def list_messages(
    ports: Ports, state: IntakeState | None, scope: Scope, limit: int
) -> tuple[IntakeMessage, ...]:
    """The newest messages for deployments of the scope."""
    return ports.store.read(lambda tx: tx.intake.newest(state, scope.names, limit))
