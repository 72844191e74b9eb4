"""What connections of ours do beyond what any driver does: run what was compiled, each its own way.

SQLAlchemy's own way to run a statement costs several times what the statement does on SQLite, and
psycopg's cursor is most of what one for PostgreSQL costs our process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from sqlalchemy import Connection

T = TypeVar("T")

Values = Sequence[object]


class Answer(Protocol):
    """What came of a statement."""

    @property
    def written(self) -> int:
        """How many rows it wrote."""

    def rows(self) -> Sequence[Sequence[object]]:
        """Those that it found, as the driver has their values."""

    def type_of(self, column: int, /) -> object:
        """What the driver knows of the type of a column of these, counted from 0."""


class Driver(Protocol):
    """A connection that runs SQL with the values of its places, in the order of these."""

    direct: bool
    """Whether this transaction's statements may come past SQLAlchemy."""

    def run(self, sql: str, values: Values) -> Answer:
        """Run a statement now."""

    def defer(self, sql: str, values: Values) -> Callable[[], Answer]:
        """Ask for rows, which are there once what this returns is called."""

    def later(self, sql: str, values: Values, *, on_one_row: bool = False) -> None:
        """Run a statement whose answer nobody reads, before the next that is read or the commit.

        Its errors may come with that one. Raises StaleWrite, now or then, where it is an UPDATE
        ``on_one_row`` that finds no row.
        """


def driver_of(connection: Connection) -> Driver | None:
    """The driver's connection, where it is one of ours and may be used past SQLAlchemy."""
    if not connection.in_transaction():
        connection.begin()  # as SQLAlchemy's own statements do
    driver = connection.connection.dbapi_connection
    return cast("Driver", driver) if getattr(driver, "direct", False) else None


def is_direct(connection: Connection) -> bool:
    """Whether nobody listens to SQLAlchemy's statements, as tracers do: it has to run them then."""
    dispatch = connection.engine.dispatch
    return not (dispatch.before_cursor_execute or dispatch.after_cursor_execute)


def raising(connection: Connection, sql: str, call: Callable[[], T]) -> T:
    """Call what uses the driver; its errors come as SQLAlchemy raises those of the SQL."""
    try:
        return call()
    except connection.dialect.loaded_dbapi.Error as error:
        # Its own end of a failed statement: wraps the error, asks the listeners, and lets go of a
        # connection that broke. There is no public name for it.
        connection._handle_dbapi_exception(error, sql, None, None, None)  # noqa: SLF001
        raise
