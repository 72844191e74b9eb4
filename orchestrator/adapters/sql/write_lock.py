"""Waiting for SQLite's write lock, of which there is one for all processes.

SQLite's own way to wait sleeps for ever longer, up to a tenth of a second, and whoever comes just
as the lock is free gets it: among many writers the unlucky waited for seconds.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from orchestrator.adapters.sql.driver import Values
from orchestrator.errors import StaleWrite

PAUSE = 0.001
"""Seconds between two looks at the lock: about as long as a transaction holds it."""

PATIENCE = 5.0
"""Seconds after which it counts as taken for good, and the database as away."""

QUEUE_PATIENCE = 30.0
"""Seconds to wait for other threads of this process, which get on or lose patience themselves."""

STREAK = 0.01
"""Seconds for which threads of one process hand the lock on before other processes are let in."""


class WriteLock:
    """Takes the lock for the threads of this process, of which one at a time looks for it.

    The next one begins as soon as the transaction of the one before has ended.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._streak_since = -float("inf")
        known = weakref.ref(self)

        def renew() -> None:
            if mine := known():
                mine._turn = threading.Lock()  # noqa: SLF001 - a thread that is not here may hold it

        os.register_at_fork(after_in_child=renew)

    def begin(self, cursor: sqlite3.Cursor) -> None:
        """Begin a transaction that may write, on the cursor of a SqliteConnection.

        Raises sqlite3.OperationalError where another process has it for longer than PATIENCE.
        """
        until = time.monotonic() + PATIENCE
        connection, turn = cast("SqliteConnection", cursor.connection), self._turn
        was_free = turn.acquire(blocking=False)
        # Before anything else, since a time limit may end this at any place.
        if was_free or turn.acquire(timeout=QUEUE_PATIENCE):
            connection.at_end = turn.release
        try:
            connection.wait_for_others(cursor, 0)
            self._let_others_in(was_free=was_free)
            while not _begun(cursor, is_last_try=time.monotonic() > until):
                time.sleep(PAUSE)
                self._streak_since = time.monotonic()
        except BaseException:
            connection.tell()
            raise

    def _let_others_in(self, *, was_free: bool) -> None:
        """Leave the lock alone for as long as others may sleep, where it was only handed on."""
        now = time.monotonic()
        if was_free:  # whoever works between its transactions leaves it alone meanwhile
            self._streak_since = now
        elif now - self._streak_since > STREAK:
            time.sleep(1.5 * PAUSE)
            self._streak_since = time.monotonic()


def begin_read(cursor: sqlite3.Cursor) -> None:
    """Begin a transaction that only reads, on the cursor of a SqliteConnection."""
    cast("SqliteConnection", cursor.connection).wait_for_others(cursor, PATIENCE)
    cursor.execute("BEGIN")


class SqliteConnection(sqlite3.Connection):
    """Its transactions end when they are told to, and it tells of that: ``at_end``, once.

    SQLite keeps a read open, and the state of the database that it saw, past COMMIT and ROLLBACK
    until the last cursor with unread rows is gone; an exception holds on to such a cursor. The next
    BEGIN IMMEDIATE on this connection would fail, since others have written since.
    """

    at_end: Callable[[], None] | None = None

    direct = False
    """Whether this transaction's statements may come past SQLAlchemy."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: float | None = None
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
        self._kept: _KeptCursor | None = None

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """One that is closed when the transaction ends, if it is still there."""
        made = super().cursor(*args, **kwargs)
        self._cursors.add(made)
        return made

    def wait_for_others(self, cursor: sqlite3.Cursor, seconds: float) -> None:
        """Have SQLite itself wait for so long for what another process holds."""
        if self._patience != seconds:
            self._patience = None  # a time limit may end this at any place
            cursor.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
            self._patience = seconds

    def kept_cursor(self) -> sqlite3.Cursor:
        """A cursor for one statement after the other, all rows of each being read."""
        if self._kept is None or self._kept.closed:
            self._kept = super().cursor(_KeptCursor)
        return self._kept

    def run(self, sql: str, values: Values) -> SqliteAnswer:
        """Run a statement."""
        cursor = self.kept_cursor()
        cursor.execute(sql, values)
        found = cursor.fetchall()
        return SqliteAnswer(cursor.rowcount, found)

    def defer(self, sql: str, values: Values) -> Callable[[], SqliteAnswer]:
        """Ask for rows when it is called: a transaction that locks has the only lock already."""
        return lambda: self.run(sql, values)

    def later(self, sql: str, values: Values, *, on_one_row: bool = False) -> None:
        """Run a statement, at once. Raises StaleWrite where the one row is not there."""
        cursor = self.kept_cursor()
        cursor.execute(sql, values)
        if on_one_row and cursor.rowcount != 1:
            raise StaleWrite

    def commit(self) -> None:
        """Also of what was read. Where it fails, a rollback is still to come."""
        self._end_reads()
        super().commit()
        self.tell()

    def rollback(self) -> None:
        """Also of what was read. A pool asks for this after each commit, when nothing is left."""
        if not (self.in_transaction or self.at_end or self._cursors):
            return
        self._end_reads()
        super().rollback()
        self.tell()

    def close(self) -> None:
        """A transaction that was under way is rolled back."""
        self._end_reads()
        try:
            super().close()
        finally:
            self.tell()

    def __del__(self) -> None:
        self.tell()

    def _end_reads(self) -> None:
        if self._cursors:
            for cursor in list(self._cursors):
                cursor.close()
            self._cursors.clear()
        if self._kept is not None:
            self._kept.close()
            self._kept = None  # it holds on to this connection

    def tell(self) -> None:
        """Say that no transaction is under way, where somebody waits for that."""
        if self.at_end is not None:
            at_end, self.at_end = self.at_end, None
            at_end()


class SqliteAnswer(NamedTuple):
    """What came of a statement."""

    written: int
    found: list[tuple[object, ...]]

    def rows(self) -> list[tuple[object, ...]]:
        """The rows that it found."""
        return self.found

    def type_of(self, _column: int) -> object:
        """None: SQLite's columns have no types that a driver could tell."""
        return None


class _KeptCursor(sqlite3.Cursor):
    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


def _begun(cursor: sqlite3.Cursor, *, is_last_try: bool) -> bool:
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        is_taken = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        if is_last_try or not is_taken:
            raise
        return False
    return True
