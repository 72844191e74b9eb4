"""The timelines in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from orchestrator.adapters.sql.rows import Rows, inserting, values_of
from orchestrator.adapters.sql.schema import timeline
from orchestrator.domain.timeline import Entry


class SqlTimeline:
    """Keeps ``ports.Timeline``. The database numbers the entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, timeline, Entry)

    def add(self, entries: Sequence[Entry]) -> None:
        """Append, in this order."""
        if entries:
            self._connection.execute(inserting(timeline), [_unnumbered(entry) for entry in entries])

    def of(self, execution_id: str) -> tuple[Entry, ...]:
        """All entries of an execution, in order."""
        query = self._rows.select().where(timeline.c.execution_id == execution_id)
        return self._rows.all(query.order_by(timeline.c.number))


def _unnumbered(entry: Entry) -> dict[str, object]:
    values = values_of(entry)
    del values["number"]
    return values
