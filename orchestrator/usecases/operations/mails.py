"""See what became of mails that came in."""

from __future__ import annotations

from orchestrator.domain.inbound_mail import MailState, StoredMail
from orchestrator.ports import Ports


def list_mails(
    ports: Ports, state: MailState | None, deployment: str | None, limit: int
) -> tuple[StoredMail, ...]:
    """The newest mails of a deployment, or all of them, those of no deployment too."""
    return ports.store.read(lambda tx: tx.mails.newest(state, deployment, limit))
