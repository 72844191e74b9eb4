"""Note what is changed about the service itself, and read it again."""

from __future__ import annotations

from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.canonical import Json
from orchestrator.domain.chain import chained
from orchestrator.ports import Ports, Transaction


def note(
    ports: Ports,
    tx: Transaction,
    actor: str,
    event: str,
    subject_id: str,
    deployment: str | None,
    **details: Json,
) -> None:
    """Add a line to the audit log, in the transaction of what it tells. Never a secret."""
    given = {name: value for name, value in details.items() if value is not None}
    now = ports.clock.now()
    entry = AuditEntry(now, actor, event, subject_id, deployment, given)
    head, (last,) = chained(tx.audit.lock_head(), [entry])
    tx.audit.add(last, head)


def newest_entries(ports: Ports, limit: int) -> tuple[AuditEntry, ...]:
    """The newest lines of the audit log, newest first."""
    return ports.store.read(lambda tx: tx.audit.newest(limit))
