"""What drains know of one another, in SQL: nudges on their way, drains that send, sick hosts."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, select, update

from orchestrator.adapters.sql.database_clock import database_time
from orchestrator.adapters.sql.heartbeat import last_beat
from orchestrator.adapters.sql.rows import insert_new, upsert, values_of
from orchestrator.adapters.sql.schema import drains, hosts, nudges
from orchestrator.domain.delivery_policy import OtherDrains
from orchestrator.domain.endpoint_host import Host

WAKEUP_HOLDS = timedelta(seconds=10)
"""How long a nudge keeps others from being sent; the drain that it asked for should have begun."""


class SqlWakeups:
    """Keeps ``ports.Wakeups``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, endpoint_id: str, now: datetime) -> bool:
        """Note that a drain is to be published; False when one is on its way already.

        The row that says so is held in share: the drain cannot begin before this transaction has
        ended, and so sees what it commits.
        """
        query = select(nudges.c.at).where(nudges.c.endpoint_id == endpoint_id)
        at = self._connection.execute(query.with_for_update(read=True)).scalar_one_or_none()
        if at is None:
            row = {"endpoint_id": endpoint_id, "at": now}
            insert_new(self._connection, nudges, row, ["endpoint_id"])
            return True
        return abs(now - at) > WAKEUP_HOLDS and self._renewed(endpoint_id, at, now)

    def _renewed(self, endpoint_id: str, at: datetime, now: datetime) -> bool:
        lost = (nudges.c.endpoint_id == endpoint_id) & (nudges.c.at == at)
        self._connection.execute(update(nudges).where(lost).values(at=now))
        return True

    def forget(self, endpoint_id: str) -> None:
        """A drain has begun."""
        self._connection.execute(delete(nudges).where(nudges.c.endpoint_id == endpoint_id))


class SqlDrains:
    """Keeps ``ports.Drains``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def others(self, drain_id: str, endpoint_id: str, host_id: str) -> OtherDrains:
        """How many other drains there are, where this one would send."""
        query = (
            select(drains.c.endpoint_id, drains.c.host_id, drains.c.doubtful)
            .where(drains.c.lease_until > database_time(self._connection))
            .where(drains.c.id != drain_id)
        )
        live = self._connection.execute(query).all()  # no more than there are threads
        return OtherDrains(
            sum(row.endpoint_id == endpoint_id for row in live),
            sum(row.host_id == host_id for row in live),
            sum(row.doubtful for row in live),
        )

    def hold(
        self, drain_id: str, endpoint_id: str, host_id: str, lease: timedelta, *, doubtful: bool
    ) -> None:
        """Say that a drain sends, for that long after now by the database's clock."""
        row = {
            "id": drain_id,
            "endpoint_id": endpoint_id,
            "host_id": host_id,
            "doubtful": doubtful,
            "lease_until": database_time(self._connection, plus=lease),
        }
        upsert(self._connection, drains, row, ["id"])

    def end(self, drain_id: str) -> None:
        """A drain has ended."""
        self._connection.execute(delete(drains).where(drains.c.id == drain_id))

    def lapsed(self) -> tuple[str, ...]:
        """The ids of the endpoints at which a drain's lease has ended: its worker is gone."""
        query = select(drains.c.endpoint_id).where(self._has_lapsed()).distinct()
        return tuple(self._connection.execute(query).scalars())

    def forget_lapsed(self) -> None:
        """Forget those drains."""
        self._connection.execute(delete(drains).where(self._has_lapsed()))

    def _has_lapsed(self) -> ColumnElement[bool]:
        return drains.c.lease_until < last_beat()


class SqlHosts:
    """Keeps ``ports.Hosts``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, host_id: str) -> Host:
        """Read and hold the row; inserted on first use."""
        found = self._find(host_id)
        if found is None:
            insert_new(self._connection, hosts, values_of(Host(host_id)), ["id"])
            found = self._find(host_id)
        return found or Host(host_id)

    def _find(self, host_id: str) -> Host | None:
        query = select(hosts).where(hosts.c.id == host_id).with_for_update()
        row = self._connection.execute(query).mappings().first()
        return None if row is None else Host(**row)

    def save(self, host: Host) -> None:
        """Write the row that is held."""
        upsert(self._connection, hosts, values_of(host), ["id"])
