"""The audit log in SQL."""

from __future__ import annotations

from sqlalchemy import Connection

from orchestrator.adapters.sql.rows import Rows, inserting, values_of
from orchestrator.adapters.sql.schema import audit
from orchestrator.domain.audit import AuditEntry


class SqlAudit:
    """Keeps ``ports.Audit``. The database numbers the entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, audit, AuditEntry)

    def add(self, entry: AuditEntry) -> None:
        """Append."""
        values = values_of(entry)
        del values["number"]
        inserting(audit, tuple(values)).run_each(self._connection, [values])

    def newest(self, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first."""
        return self._rows.all(self._rows.select().order_by(audit.c.number.desc()).limit(limit))
