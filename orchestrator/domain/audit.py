"""The audit log: what was changed about the service itself, by whom, in order. Append-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from orchestrator.domain.canonical import JsonObject, moment

OPERATOR = "operator"
"""The actor of what the settings or code on the service's own machine asked for."""

ADMINISTRATION = "administration"
"""The chain of the audit log."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line: ``event`` is a noun and what was done to it (``token.revoke``).

    ``subject_id`` is the noun's id. ``details`` never has a secret in it. ``number`` is given by
    the store, rising; ``place`` and ``digest`` by ``domain.chain``.
    """

    at: datetime
    actor: str
    event: str
    subject_id: str
    deployment: str | None = None
    details: JsonObject = field(default_factory=dict)
    number: int | None = None
    place: int | None = None
    digest: str | None = None
    salt: ClassVar[None] = None  # nothing of it is ever purged

    @property
    def stream(self) -> str:
        """The chain that the entry stands in."""
        return ADMINISTRATION

    def says(self) -> JsonObject:
        """All that the entry's digest covers, besides its place."""
        return {
            "stream": ADMINISTRATION,
            "at": moment(self.at),
            "actor": self.actor,
            "event": self.event,
            "subject_id": self.subject_id,
            "deployment": self.deployment,
            "details": self.details,
        }
