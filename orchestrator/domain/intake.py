"""Messages of producers that do not speak HTTP, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.canonical import JsonObject


class IntakeState(StrEnum):
    """What became of a message."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    WAITING = "WAITING"


@dataclass(frozen=True, slots=True)
class IntakeMessage:
    """One message of a producer: what it asked for, and what became of it."""

    id: str
    job: str
    deployment: str
    body: JsonObject
    state: IntakeState
    reason: str | None
    execution_id: str | None
    received_at: datetime
