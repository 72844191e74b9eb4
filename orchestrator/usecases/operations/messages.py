"""See what became of producers' messages."""

from __future__ import annotations

from orchestrator.domain.intake import IntakeMessage, IntakeState
from orchestrator.ports import Ports


def list_messages(
    ports: Ports, state: IntakeState | None, deployment: str | None, limit: int
) -> tuple[IntakeMessage, ...]:
    """The newest messages of a deployment, or of all."""
    return ports.store.read(lambda tx: tx.intake.newest(state, deployment, limit))
