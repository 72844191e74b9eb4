"""A connection of psycopg that does not wait for ever, nor for what it need not be told.

The only module that imports psycopg.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, NoReturn, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import send

from orchestrator.errors import StaleWrite

T = TypeVar("T")


class Statement(NamedTuple):
    """One that is sent together with the next.

    ``prepare`` None leaves it to psycopg whether the server keeps it; ``on_one_row`` is that it
    fails where it writes no row; ``cursor`` is where its rows are fetched, if it has any.
    """

    sql: str
    values: Any = None
    prepare: bool | None = None
    on_one_row: bool = False
    cursor: psycopg.Cursor[Any] | None = None


_NO_ROW = psycopg.errors.DivisionByZero


def _failing_on_no_row(update: str) -> str:
    """Have the server itself see that a row was written, so that COMMIT can go along."""
    return f"WITH saved AS ({update} RETURNING 1) SELECT 1 / count(*) FROM saved"  # noqa: S608 - SQLAlchemy's


class OneExchange(psycopg.Pipeline):
    """A pipeline that is sent as it ends, all in one, however many statements were run in it.

    psycopg's own asks the kernel twice for each of them. Both methods are its own; in a version
    without them a statement would cost that again.
    """

    def _communicate_gen(self) -> PQGen[None]:
        while self.command_queue:
            self.command_queue.popleft()()  # writes to a buffer of libpq's
        yield from ()

    def _exit_gen(self) -> PQGen[None]:
        self._enqueue_sync()
        yield from self._communicate_gen()
        yield from send(self.pgconn)  # what the kernel did not take at once
        yield from self._fetch_gen(flush=False)  # the end of a pipeline has all answers sent


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the other end takes too long for an answer.

    The kernel sees that a machine is gone; it does not see a proxy that keeps the connection open
    and passes nothing on.

    Statements that tell nothing wait for the next one, and go to the server in one exchange with
    it: an exchange costs both sides more than most statements do. Errors come with that exchange.
    """

    silence: float | None = None
    """Seconds that an answer may take, to however many statements; None for as long as it likes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._begin: tuple[Statement, ...] = ()
        self._unsent: list[Statement] = []
        self._kept: psycopg.Cursor[Any] | None = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """Wait for what the server answers. Raises OperationalError where it takes too long."""
        kwargs.setdefault("timeout", self.silence)
        began = time.monotonic()
        try:
            return super().wait(gen, *args, **kwargs)
        except psycopg.OperationalError as error:
            was_told = error.sqlstate is not None
            if was_told or self.silence is None or time.monotonic() - began < self.silence:
                raise
            self.close()
            raise psycopg.OperationalError(f"no answer within {self.silence:g} s") from error

    def begin(self, *statements: str) -> None:
        """Begin a transaction by these, once it says anything."""
        self._begin = tuple(Statement(sql, prepare=False) for sql in statements)

    def later(
        self,
        sql: str,
        values: Any,
        *,
        on_one_row: bool = False,
        cursor: psycopg.Cursor[Any] | None = None,
    ) -> None:
        """Send a statement together with the next, in this transaction.

        ``on_one_row`` is for an UPDATE that is in vain where it finds no row. With a cursor its
        rows can be fetched there; whoever fetches them before that sends it.
        """
        sent = _failing_on_no_row(sql) if on_one_row else sql
        self._unsent.append(Statement(sent, values, on_one_row=on_one_row, cursor=cursor))

    def kept_cursor(self) -> psycopg.Cursor[Any]:
        """A cursor for one statement after the other, until the transaction ends."""
        if self._kept is None or self._kept.closed:
            self._kept = self.cursor()
        return self._kept

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
        nobodys = psycopg.Cursor(self)
        cursors = [
            each.cursor or (psycopg.Cursor(self) if each.on_one_row else nobodys)
            for each in waiting
        ]
        meant = [cursor for each, cursor in zip(waiting, cursors, strict=True) if each.on_one_row]
        try:
            with self._pipelined():
                for each, cursor in zip(waiting, cursors, strict=True):
                    psycopg.Cursor.execute(cursor, each.sql, each.values, prepare=each.prepare)
                yield
        except _NO_ROW as error:
            if any(cursor.rowcount != 1 for cursor in meant):
                raise StaleWrite from error
            raise

    def _pipelined(self) -> AbstractContextManager[object]:
        """What is run in it is sent as it ends; at once by a libpq from before PostgreSQL 14."""
        if not psycopg.Pipeline.is_supported():
            return nullcontext()
        self._pipeline = OneExchange(self)  # psycopg makes its own where there is none
        return self.pipeline()

    def waits(self, cursor: psycopg.Cursor[Any]) -> bool:
        """Whether what the cursor asked has not been sent yet."""
        return any(each.cursor is cursor for each in self._unsent)

    def commit(self) -> None:
        """Commit, together with what waits."""
        self._kept = None  # with the rows that it read last
        if self._unsent:
            with self.exchange():
                psycopg.Cursor(self).execute("COMMIT", prepare=False)
        else:  # nothing where nothing was said
            super().commit()

    def rollback(self) -> None:
        """Roll back, and forget what waits."""
        self._kept = None
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

    def fetchall(self) -> list[Any]:
        """Every row of what was run, or was to be run later."""
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


def connect(silence: float, *args: Any, **options: Any) -> LimitedConnection:
    """Connect; ``silence`` are the seconds that an answer may take."""
    connection = LimitedConnection.connect(*args, **options, cursor_factory=LimitedCursor)
    connection.silence = silence
    return connection
