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

PAUSE = 0.001
"""Seconds between two looks at the lock: about as long as a transaction holds it."""

PATIENCE = 5.0
"""Seconds after which it counts as taken for good."""


class WriteLock:
    """Takes the lock for the threads of this process, of which one at a time looks for it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        known = weakref.ref(self)

        def renew() -> None:
            if mine := known():
                mine._turn = threading.Lock()  # noqa: SLF001 - a thread that is not here may hold it

        os.register_at_fork(after_in_child=renew)

    def begin(self, cursor: sqlite3.Cursor) -> None:
        """Begin a transaction that may write. Raises sqlite3.OperationalError after PATIENCE."""
        until = time.monotonic() + PATIENCE
        turn = self._turn
        has_turn = turn.acquire(timeout=PATIENCE)
        try:
            cursor.execute("PRAGMA busy_timeout = 0")
            while not _begun(cursor, is_last_try=time.monotonic() > until):
                time.sleep(PAUSE)
        finally:
            if has_turn:
                turn.release()
            cursor.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")


def _begun(cursor: sqlite3.Cursor, *, is_last_try: bool) -> bool:
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        is_taken = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        if is_last_try or not is_taken:
            raise
        return False
    return True
