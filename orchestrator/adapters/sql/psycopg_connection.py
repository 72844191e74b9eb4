"""A connection of psycopg that does not wait for ever, nor for what it need not be told.

The only module that imports psycopg.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, NoReturn, TypeVar

import psycopg

from orchestrator.errors import StaleWrite

T = TypeVar("T")


class Statement(NamedTuple):
    """One that is sent together with the next.

    ``prepare`` None leaves it to psycopg whether the server keeps it; ``on_one_row`` is that
    exactly one row is meant; ``cursor`` is where its rows are fetched, if it has any.
    """

    sql: str
    values: Any = None
    prepare: bool | None = None
    on_one_row: bool = False
    cursor: psycopg.Cursor[Any] | None = None


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the other end says nothing for too long.

    The kernel sees that a machine is gone; it does not see a proxy that keeps the connection open
    and passes nothing on.

    Statements that tell nothing wait for the next one, and go to the server in one exchange with
    it: an exchange costs both sides more than most statements do. Errors come with that exchange.
    """

    silence: float = float("inf")
    """Seconds that an answer may take, to however many statements."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._begin: tuple[Statement, ...] = ()
        self._unsent: list[Statement] = []

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """Wait for what the server answers. Raises OperationalError where it takes too long."""
        return super().wait(self._limited(gen, self.silence), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
        """Pass on what is waited for; psycopg comes back ten times a second, ready or not."""
        until = time.monotonic() + seconds
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if not ready and time.monotonic() > until:
                    self.close()
                    raise psycopg.OperationalError(f"no answer within {seconds:g} s")
                awaited = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result

    def begin(self, *statements: str) -> None:
        """Begin a transaction by these, once it says anything."""
        self._begin = tuple(Statement(sql, prepare=False) for sql in statements)

    def later(self, statement: Statement) -> None:
        """Send it together with the next, in this transaction."""
        self._unsent.append(statement)

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """Have what is run here go to the server together with what waits.

        Raises StaleWrite where a row that was meant is not there any more.
        """
        waiting = (*self._begin, *self._unsent)
        self._forget()
        if not waiting:
            yield
            return
        cursors = [each.cursor or psycopg.Cursor(self) for each in waiting]
        meant = [cursor for each, cursor in zip(waiting, cursors, strict=True) if each.on_one_row]
        try:
            with self.pipeline() if psycopg.Pipeline.is_supported() else nullcontext():
                for each, cursor in zip(waiting, cursors, strict=True):
                    psycopg.Cursor.execute(cursor, each.sql, each.values, prepare=each.prepare)
                yield
        except psycopg.Error as error:
            if any(cursor.rowcount == 0 for cursor in meant):
                raise StaleWrite from error  # what came behind may have failed for that
            raise
        if any(cursor.rowcount != 1 for cursor in meant):
            raise StaleWrite

    def waits(self, cursor: psycopg.Cursor[Any]) -> bool:
        """Whether what the cursor asked has not been sent yet."""
        return any(each.cursor is cursor for each in self._unsent)

    def commit(self) -> None:
        """Commit, together with what waits."""
        if any(each.on_one_row for each in self._unsent):
            with self.exchange():
                pass  # whether they were there is seen before anything is final
            super().commit()
        elif self._unsent:
            with self.exchange():
                psycopg.Cursor(self).execute("COMMIT", prepare=False)
        else:  # nothing where nothing was said
            super().commit()

    def rollback(self) -> None:
        """Roll back, and forget what waits."""
        self._forget()
        super().rollback()

    def _forget(self) -> None:
        self._begin = ()
        self._unsent.clear()


class LimitedCursor(psycopg.Cursor[Any]):
    """A cursor whose statements take along what waits on the connection."""

    _conn: LimitedConnection

    def execute(self, *args: Any, **options: Any) -> LimitedCursor:
        """Run a statement."""
        with self._conn.exchange():
            super().execute(*args, **options)
        return self

    def executemany(self, *args: Any, **options: Any) -> None:
        """Run a statement for each of several values."""
        with self._conn.exchange():
            super().executemany(*args, **options)

    def ask(self, sql: str, values: Any) -> None:
        """Have a statement sent together with the next of this connection, and fetch its rows then.

        Whoever fetches them before that sends it.
        """
        self._conn.later(Statement(sql, values, cursor=self))

    def fetchall(self) -> list[Any]:
        """Every row of what was run, or asked."""
        if self._conn.waits(self):
            with self._conn.exchange():
                pass
        return super().fetchall()

    def copy(self, *_: Any, **__: Any) -> NoReturn:
        """Not taught to take along what waits."""
        raise psycopg.NotSupportedError("COPY would not be part of the transaction here")

    def stream(self, *_: Any, **__: Any) -> NoReturn:
        """Not taught to take along what waits."""
        raise psycopg.NotSupportedError("a stream would not be part of the transaction here")

    def execute_later(self, sql: str, values: Any, *, on_one_row: bool = False) -> None:
        """Run a statement that tells nothing else, together with the next of this connection."""
        self._conn.later(Statement(sql, values, on_one_row=on_one_row))


def connect(silence: float, *args: Any, **options: Any) -> LimitedConnection:
    """Connect; ``silence`` are the seconds that an answer may take."""
    connection = LimitedConnection.connect(*args, **options, cursor_factory=LimitedCursor)
    connection.silence = silence
    return connection
