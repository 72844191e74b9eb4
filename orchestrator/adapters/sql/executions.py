"""The executions in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, Select

from orchestrator.adapters.sql.rows import Rows, insert_new, save, values_of
from orchestrator.adapters.sql.schema import executions
from orchestrator.domain.execution import Execution


class SqlExecutions:
    """Keeps ``ports.Executions``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, executions, Execution)

    def add(self, execution: Execution) -> bool:
        """Insert; False, and nothing done, when the id is taken."""
        return insert_new(self._connection, executions, values_of(execution), ["id"])

    def get(self, execution_id: str) -> Execution | None:
        """Read without a lock."""
        return self._rows.first(self._by_id(execution_id))

    def lock(self, execution_id: str) -> Execution | None:
        """Read and hold the row; on SQLite the whole transaction holds the database already.

        FOR NO KEY UPDATE keeps out every other lock of ours, but not the inserts of rows that
        refer to the execution (FOR UPDATE would make these wait).
        """
        return self._rows.first(self._by_id(execution_id).with_for_update(key_share=True))

    def save(self, before: Execution, after: Execution) -> Execution:
        """Write over the state and version of ``before``. Raises StaleWrite."""
        return save(self._connection, executions, before, after)

    def _by_id(self, execution_id: str) -> Select[tuple[object, ...]]:
        return self._rows.select().where(executions.c.id == execution_id)
