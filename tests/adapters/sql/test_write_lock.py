"""Writers wait for SQLite's only lock, and not for ever."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.adapters.sql import write_lock
from orchestrator.adapters.sql.write_lock import WriteLock


@pytest.fixture
def cursors(tmp_path: Path) -> Iterator[tuple[sqlite3.Cursor, sqlite3.Cursor]]:
    """Those of two connections to one database."""
    made = [
        sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
        for _ in range(2)
    ]
    made[0].execute("PRAGMA journal_mode = WAL")
    yield made[0].cursor(), made[1].cursor()
    for each in made:
        each.close()


def test_who_comes_second_waits(cursors: tuple[sqlite3.Cursor, sqlite3.Cursor]) -> None:
    first, second = cursors
    WriteLock().begin(first)
    waiting = threading.Thread(target=WriteLock().begin, args=(second,))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    first.execute("COMMIT")
    waiting.join(5)
    assert second.connection.in_transaction


def test_who_waits_too_long_is_told_so(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 0.02)
    first, second = cursors
    lock = WriteLock()
    lock.begin(first)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        lock.begin(second)
    first.execute("COMMIT")
    lock.begin(second)
    assert second.execute("PRAGMA busy_timeout").fetchone() == (20,)


@pytest.mark.timeout(20)
def test_what_else_is_wrong_is_told_at_once(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 3600.0)
    first, _ = cursors
    lock = WriteLock()
    lock.begin(first)
    with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
        lock.begin(first)


def test_a_child_does_not_wait_for_its_parents_threads() -> None:
    lock = WriteLock()
    with lock._turn:
        child = os.fork()
        if child == 0:
            os._exit(0 if lock._turn.acquire(blocking=False) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
