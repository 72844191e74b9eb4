"""The database's clock, which leases are measured by: one clock for all machines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, DateTime, func, literal, select

from orchestrator.adapters.sql.column_types import Utc


def database_time(connection: Connection, plus: timedelta = timedelta()) -> ColumnElement[datetime]:
    """The time that long after now, as an expression that the database works out.

    SQLite lives in this process: its clock is the machine's.
    """
    if connection.dialect.name == "postgresql":
        # Not now(): that stands still while a transaction waits for a lock.
        return func.clock_timestamp(type_=DateTime(timezone=True)) + literal(plus)
    return literal(datetime.now(UTC) + plus, Utc())


def read_clock(connection: Connection) -> datetime:
    """The time now, aware, in UTC."""
    return connection.execute(select(database_time(connection))).scalar_one().astimezone(UTC)
