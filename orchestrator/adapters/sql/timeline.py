"""The timelines in SQL."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import BigInteger, Connection, bindparam, func, select, text, update

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.rows import Rows, inserting, values_of
from orchestrator.adapters.sql.schema import tells_of_review, timeline
from orchestrator.domain.timeline import WORDS, Entry, redacted
from orchestrator.ports import EVERY_ENTRY, EntryFilter


class SqlTimeline:
    """Keeps ``ports.Timeline``. The database numbers the entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, timeline, Entry)

    def add(self, entries: Sequence[Entry]) -> None:
        """Append, in this order."""
        if entries:
            rows = [_unnumbered(entry) for entry in entries]
            inserting(timeline, tuple(rows[0])).run_each(self._connection, rows)

    def of(self, execution_id: str) -> tuple[Entry, ...]:
        """All entries of an execution, in order."""
        query = self._rows.select().where(timeline.c.execution_id == execution_id)
        return self._rows.all(query.order_by(timeline.c.number))

    def settled(self) -> int:
        """A number up to which no entry will be added any more, 0 where there is none.

        On PostgreSQL neither the newest number nor the locks belong to the transaction's snapshot.
        The order matters: first the newest number that was taken, then who holds a lock. Whoever
        took a smaller number holds its lock still, or has committed.
        """
        if self._connection.dialect.name == "postgresql":
            newest = self._connection.execute(_NEWEST_TAKEN).scalar_one()
            return int(self._connection.execute(_SETTLED, {"newest": newest}).scalar_one())
        highest = self._connection.execute(select(func.max(timeline.c.number))).scalar()
        return highest or 0

    def beyond(
        self, number: int, up_to: int, limit: int, wanted: EntryFilter = EVERY_ENTRY
    ) -> tuple[Entry, ...]:
        """Some of the entries that are wanted, with higher numbers than the first, in order."""
        c = timeline.c
        query = self._rows.select().where(c.number > number, c.number <= up_to)
        query = query.where(among(c.deployment, wanted.deployments))
        if wanted.execution_id is not None:
            query = query.where(c.execution_id == wanted.execution_id)
        if wanted.reviews:
            query = query.where(tells_of_review)
        return self._rows.all(query.order_by(c.number).limit(limit))

    def purge(self, execution_id: str) -> None:
        """Replace what people said by its salted digest, and take away the salt."""
        for entry in self.of(execution_id):
            if any(key in entry.details for key in WORDS):
                # One from before there were chains has no salt, and nobody needs its digest.
                left = redacted(entry.details, entry.salt or secrets.token_hex())
                this = update(timeline).where(timeline.c.number == entry.number)
                self._connection.execute(this.values(details=left, salt=None))


# The trigger that takes these locks stands in the migration 0009. A key has the last 31 bits of a
# number; the rest is that of the newest one. One that was taken since is beyond that: no matter.
_NEWEST_TAKEN = text(
    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM timeline_number_seq"
)
_SETTLED = text("""
    SELECT coalesce(min(:newest - ((:newest - objid::bigint) & 2147483647)), :newest)
    FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 1953066341 AND objsubid = 2
    AND (:newest - objid::bigint) & 2147483647 < 1073741824
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""").bindparams(bindparam("newest", type_=BigInteger))


def _unnumbered(entry: Entry) -> dict[str, object]:
    values = values_of(entry)
    del values["number"]
    return values
