"""The audit log in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from orchestrator.adapters.sql.rows import Rows, insert_new, inserting, values_of
from orchestrator.adapters.sql.schema import audit, record_heads
from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.chain import Head

AUDIT, TIMELINE = "audit", "timeline"
"""The names of the records in ``record_heads``."""

_h = record_heads.c


class SqlAudit:
    """Keeps ``ports.Audit``. The database numbers the entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, audit, AuditEntry)

    def lock_head(self) -> Head:
        """The end of its chain, its row held."""
        query = select(_h.entries, _h.digest).where(_h.name == AUDIT).with_for_update()
        row = self._connection.execute(query).first()
        if row is None:
            new = {"name": AUDIT, "unchained": 0, "entries": 0}
            insert_new(self._connection, record_heads, new, ["name"])
            row = self._connection.execute(query).one()
        return Head(*row)

    def add(self, entry: AuditEntry, head: Head) -> None:
        """Append, and keep the new end."""
        ended = update(record_heads).where(_h.name == AUDIT)
        self._connection.execute(ended.values(entries=head.entries, digest=head.digest))
        values = values_of(entry)
        del values["number"]
        inserting(audit, tuple(values)).run_each(self._connection, [values])

    def newest(self, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first."""
        return self._rows.all(self._rows.select().order_by(audit.c.number.desc()).limit(limit))
