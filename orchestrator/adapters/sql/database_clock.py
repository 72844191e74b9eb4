"""The database's clock, which leases and due times are measured by: one clock for all machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, DateTime, Engine, Select, func, literal, select

from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.ports import Clock, Deferred


def keeping_time_by(engine: Engine, clock: Clock) -> Engine:
    """The same engine, for which that clock is the database's: for tests, which turn it."""
    return engine.execution_options(clock=clock)


def database_time(connection: Connection, plus: timedelta = timedelta()) -> ColumnElement[datetime]:
    """The time that long after now, as an expression that the database works out.

    SQLite lives in this process: its clock is the machine's.
    """
    known = known_time(connection)
    if known is not None:
        return literal(known + plus, Utc())
    return clock_of_database() + literal(plus)


def clock_of_database() -> ColumnElement[datetime]:
    """PostgreSQL's own; not now(), which stands still while a transaction waits for a lock."""
    return func.clock_timestamp(type_=DateTime(timezone=True))


def read_clock(connection: Connection) -> datetime:
    """The time now, aware, in UTC."""
    known = known_time(connection)
    if known is not None:
        return known
    row = _CLOCK.first(connection, {})
    if row is None:
        raise LookupError("the database did not tell the time")
    return cast("datetime", row[0]).astimezone(UTC)


class Moment:
    """When a transaction does what it does, by the database's clock.

    ``now`` asks PostgreSQL once, since that is an exchange with it, and not at all where what was
    read first told it. Whoever locks an execution, and may have waited for that, says anew what
    time it is.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read: datetime | None = None

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        known = known_time(self._connection)
        if known is not None:
            return known
        if self._read is None:
            self._read = read_clock(self._connection)
        return self._read

    def was_read(self, at: datetime) -> None:
        """The database said the time together with something else."""
        self._read = at.astimezone(UTC)


class Timed:
    """A SELECT that tells the time as well, where the database has to be asked for that.

    The clock is selected outside the sub-query, so that it is read after the row's lock was had:
    it is later than anything that whoever held the row before wrote.
    """

    def __init__(self, query: Select[Any]) -> None:
        self._plain = Prepared(query)
        self._timed = Prepared(select(query.subquery("found"), clock_of_database()))

    def defer(
        self, connection: Connection, moment: Moment, values: Mapping[str, Any]
    ) -> Deferred[Sequence[Any] | None]:
        """The first row, asked together with what is read next; the moment is when it was found."""
        tells_time = known_time(connection) is None
        asked = (self._timed if tells_time else self._plain).defer(connection, values)

        def read() -> Sequence[Any] | None:
            found = next(iter(asked()), None)
            if found is None or not tells_time:
                return found
            *row, at = found
            moment.was_read(at)
            return row

        return read


_CLOCK = Prepared(select(clock_of_database()))


def known_time(connection: Connection) -> datetime | None:
    """The time where it is known here; None where the database has to be asked."""
    clock: Clock | None = connection.get_execution_options().get("clock")
    if clock is not None:
        return clock.now()
    return None if connection.dialect.name == "postgresql" else datetime.now(UTC)
