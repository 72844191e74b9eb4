"""Both records in SQL, as whoever checks or exports them reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, exists, literal, select, tuple_

from orchestrator.adapters.sql.audit import AUDIT, TIMELINE
from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import audit, endpoints, executions, record_heads, timeline
from orchestrator.domain.audit import ADMINISTRATION, AuditEntry
from orchestrator.domain.chain import Head
from orchestrator.domain.record import StreamEnd
from orchestrator.domain.timeline import Entry
from orchestrator.ports import Mark, Page, StreamKind

_t = timeline.c
_OWNERS = {StreamKind.EXECUTION: _t.execution_id, StreamKind.ENDPOINT: _t.endpoint_id}
_TABLES = {StreamKind.EXECUTION: executions, StreamKind.ENDPOINT: endpoints}
_IN_STREAM = {
    StreamKind.EXECUTION: _t.endpoint_id.is_(None),
    StreamKind.ENDPOINT: _t.endpoint_id.is_not(None),
}


class SqlRecord:
    """Keeps ``ports.Record``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def unchained(self) -> Mapping[str, int]:
        """Up to which number entries are from before there were chains."""
        query = select(record_heads.c.name, record_heads.c.unchained)
        return {AUDIT: 0, TIMELINE: 0} | dict(self._connection.execute(query).tuples().all())

    def page(
        self, kind: StreamKind, after: Mark | None, deployment: str | None, limit: int
    ) -> Page:
        """The next entries of all streams of a kind, and the ends of these streams."""
        if kind is StreamKind.ADMINISTRATION:
            return self._of_audit(after, limit)
        owner = _OWNERS[kind]
        rows = Rows(self._connection, timeline, Entry)
        query = rows.select().where(_IN_STREAM[kind]).order_by(owner, _t.number).limit(limit)
        if deployment is not None:
            query = query.where(_t.deployment == deployment)
        if after is not None:
            seen = tuple_(literal(after.owner, owner.type), literal(after.number))
            query = query.where(tuple_(owner, _t.number) > seen)
        entries = rows.all(query)
        owners = {getattr(entry, owner.name) for entry in entries}
        return Page(entries, {end.stream: end for end in self._ends(kind, owners)})

    def _of_audit(self, after: Mark | None, limit: int) -> Page:
        rows = Rows(self._connection, audit, AuditEntry)
        number = after.number if after else None
        query = rows.select().order_by(audit.c.number).limit(limit)
        if number is not None:
            query = query.where(audit.c.number > number)
        return Page(rows.all(query), {ADMINISTRATION: self._end_of_audit()})

    def emptied(self, kind: StreamKind, deployment: str | None) -> tuple[StreamEnd, ...]:
        """The ends of streams of a kind that had entries, and have none any more."""
        if kind is StreamKind.ADMINISTRATION:
            end = self._end_of_audit()
            found = self._connection.execute(select(audit.c.number).limit(1)).first()
            return (end,) if end.head.entries and found is None else ()
        table = _TABLES[kind]
        has_entries = exists().where(_OWNERS[kind] == table.c.id, _IN_STREAM[kind])
        query = _ends_of(kind).where(table.c.entries > 0, ~has_entries)
        if deployment is not None:
            query = query.where(table.c.deployment == deployment)
        return self._read(kind, query)

    def _ends(self, kind: StreamKind, owners: Collection[str]) -> tuple[StreamEnd, ...]:
        if not owners:
            return ()
        return self._read(kind, _ends_of(kind).where(_TABLES[kind].c.id.in_(owners)))

    def _read(self, kind: StreamKind, query: Select[Any]) -> tuple[StreamEnd, ...]:
        rows: Sequence[Any] = self._connection.execute(query).all()
        return tuple(
            StreamEnd(f"{kind}:{id_}", Head(entries, digest), is_purged)
            for id_, entries, digest, is_purged in rows
        )

    def _end_of_audit(self) -> StreamEnd:
        h = record_heads.c
        query = select(h.entries, h.digest).where(h.name == AUDIT)
        return StreamEnd(ADMINISTRATION, Head(*self._connection.execute(query).first() or ()))


def _ends_of(kind: StreamKind) -> Select[Any]:
    c = _TABLES[kind].c
    # An endpoint's entries have no words of people.
    purged = c.purged_at.is_not(None) if kind is StreamKind.EXECUTION else literal(value=False)
    return select(c.id, c.entries, c.last_digest, purged)
