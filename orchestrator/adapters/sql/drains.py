"""What drains know of one another, in SQL: those on their way, and those that send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, func, or_, select, update

from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.database_clock import clock_of_database, database_time, known_time
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import MOST, insert_new, upsert
from orchestrator.adapters.sql.schema import drains, wakeups
from orchestrator.adapters.sql.sweeps import last_beat
from orchestrator.domain.delivery_policy import OtherDrains

_c = drains.c

_UNPROVEN = 0x756E7072
"""Any number that all drains agree on."""

WAKEUP_HOLDS = timedelta(seconds=10)
"""How long an announced drain keeps others from being announced; it should have begun by then."""


class SqlDrains:
    """Keeps ``ports.Drains``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def announce(self, endpoint_id: str, now: datetime) -> bool:
        """Note that a drain is to be published; False when one is on its way already.

        The row that says so is held in share: the drain cannot begin before this transaction has
        ended, and so sees what it commits. One that is lost is held by none but who renews it:
        two that shared it would wait for each other.
        """
        its = wakeups.c.endpoint_id == endpoint_id
        counts = wakeups.c.at.between(now - WAKEUP_HOLDS, now + WAKEUP_HOLDS)
        on_its_way = select(wakeups.c.at).where(its, counts).with_for_update(read=True)
        renewal = update(wakeups).where(its, ~counts).values(at=now)
        row = {"endpoint_id": endpoint_id, "at": now}
        while self._connection.execute(on_its_way).first() is None:
            if insert_new(self._connection, wakeups, row, ["endpoint_id"]):
                return True
            if self._connection.execute(renewal).rowcount:
                return True
        return False

    def begun(self, endpoint_id: str) -> None:
        """A drain has begun."""
        self._connection.execute(delete(wakeups).where(wakeups.c.endpoint_id == endpoint_id))

    def others(self, drain_id: str, endpoint_id: str, host_id: str) -> OtherDrains:
        """How many other drains there are, where this one would send."""
        bound = {"drain_id": drain_id, "endpoint_id": endpoint_id, "host_id": host_id}
        now = known_time(self._connection)
        statement = _others(by_database=now is None)
        found = statement.first(self._connection, bound | {"now": now})
        return OtherDrains(*found or (0, 0, 0, 0))

    def lock_unproven(self) -> None:
        """Have others who count the drains at unproven receivers wait for this transaction's end.

        On SQLite they wait for it anyway.
        """
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(select(func.pg_advisory_xact_lock(_UNPROVEN)))

    def hold(
        self, drain_id: str, endpoint_id: str, host_id: str, lease: timedelta, *, unproven: bool
    ) -> None:
        """Say that a drain sends, for that long after now by the database's clock."""
        row = {
            "id": drain_id,
            "endpoint_id": endpoint_id,
            "host_id": host_id,
            "unproven": unproven,
            "lease_until": database_time(self._connection, plus=lease),
        }
        upsert(self._connection, drains, row, ["id"])

    def end(self, drain_id: str) -> None:
        """A drain has ended."""
        self._connection.execute(delete(drains).where(_c.id == drain_id))

    def wait(
        self, endpoint_id: str, host_id: str, lease: timedelta, *, unproven: bool, has_notice: bool
    ) -> None:
        """Say that a drain found no room: one row for each endpoint, since it first had none."""
        row = {
            "id": endpoint_id,
            "endpoint_id": endpoint_id,
            "host_id": host_id,
            "unproven": unproven,
            "lease_until": database_time(self._connection, plus=lease),
            "waits_since": database_time(self._connection),
            "has_notice": has_notice,
        }
        upsert(self._connection, drains, row, ["id"], keep=["waits_since"])

    def waits_no_more(self, endpoint_id: str) -> None:
        """A drain of the endpoint has room, or nothing to send."""
        self.end(endpoint_id)

    def next_waiting(self, endpoint_id: str, host_id: str, *, unproven: bool) -> str | None:
        """The endpoint that waits for the room of a drain that ends: notices first."""
        same_room = _c.host_id == host_id
        query = (
            select(_c.endpoint_id)
            .where(_c.waits_since.is_not(None), _c.endpoint_id != endpoint_id)
            .where(or_(same_room, _c.unproven) if unproven else same_room)
            .order_by(_c.has_notice.desc(), _c.waits_since)
            .limit(1)
        )
        return self._connection.execute(query).scalar()

    def lapsed(self, limit: int) -> tuple[str, ...]:
        """The ids of endpoints where a lease has ended: its worker is gone, or it has waited."""
        return tuple(self._connection.execute(LAPSED, {"most": limit}).scalars())

    def forget_lapsed(self, endpoint_ids: Sequence[str]) -> None:
        """Forget what has lapsed at these endpoints."""
        gone = _c.endpoint_id.in_(endpoint_ids)
        self._connection.execute(delete(drains).where(gone, _has_lapsed()))


@cache
def _others(*, by_database: bool) -> Prepared:
    """Counts of drains whose leases last, by the database's clock or by that time."""
    here, there = _c.endpoint_id == bindparam("endpoint_id"), _c.host_id == bindparam("host_id")
    sends = _c.waits_since.is_(None)
    now = clock_of_database() if by_database else bindparam("now", type_=Utc())
    return Prepared(
        select(
            _count(sends & here),
            _count(sends & there),
            _count(sends & _c.unproven),
            _count(~sends & there & ~here & _c.has_notice),
        )
        .where(_c.lease_until > now)
        .where(_c.id != bindparam("drain_id"))
    )


def _has_lapsed() -> ColumnElement[bool]:
    return _c.lease_until < last_beat()


LAPSED = select(_c.endpoint_id).where(_has_lapsed()).distinct().limit(MOST)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
