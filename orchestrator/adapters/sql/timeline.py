"""The timelines in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update

from orchestrator.adapters.sql.rows import Rows, inserting, values_of
from orchestrator.adapters.sql.schema import timeline
from orchestrator.domain.canonical import digest
from orchestrator.domain.timeline import Entry

_WORDS = frozenset({"feedback"})
"""The details that hold what a person said."""


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

    def newest(self) -> int:
        """The highest number of all, 0 where there is none."""
        highest = self._connection.execute(select(func.max(timeline.c.number))).scalar()
        return highest or 0

    def beyond(self, number: int, limit: int) -> tuple[Entry, ...]:
        """Entries of all executions with a higher number, in order."""
        query = self._rows.select().where(timeline.c.number > number)
        return self._rows.all(query.order_by(timeline.c.number).limit(limit))

    def purge(self, execution_id: str) -> None:
        """Replace what people said by its digest."""
        for entry in self.of(execution_id):
            details = {key: value for key, value in entry.details.items() if key not in _WORDS}
            said = {key: entry.details[key] for key in _WORDS & entry.details.keys()}
            digests = {f"{key}_digest": digest(words) for key, words in said.items()}
            if said:
                this = update(timeline).where(timeline.c.number == entry.number)
                self._connection.execute(this.values(details={**details, **digests}))


def _unnumbered(entry: Entry) -> dict[str, object]:
    values = values_of(entry)
    del values["number"]
    return values
