"""See what became of mails that came in."""

from __future__ import annotations

from orchestrator.domain.inbound_mail import MailState, StoredMail
from orchestrator.domain.permission import Scope
from orchestrator.ports import Ports


def list_mails(
    ports: Ports, state: MailState | None, scope: Scope, limit: int
) -> tuple[StoredMail, ...]:
    """The newest mails of deployments of the scope; of no deployment too, where that is all."""
    return ports.store.read(lambda tx: tx.mails.newest(state, scope.names, limit))
