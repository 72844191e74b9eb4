"""The audit log: what was changed about the service itself, by whom, in order. Append-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.canonical import JsonObject

OPERATOR = "operator"
"""The actor of what the settings or code on the service's own machine asked for."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line: ``event`` is a noun and what was done to it (``token.revoke``).

    ``subject_id`` is the noun's id. ``details`` never has a secret in it. ``number`` is given by
    the store, rising.
    """

    at: datetime
    actor: str
    event: str
    subject_id: str
    deployment: str | None = None
    details: JsonObject = field(default_factory=dict)
    number: int | None = None
