"""Writers wait for SQLite's only lock, and not for ever."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.sql import write_lock
from orchestrator.adapters.sql.write_lock import SqliteConnection, WriteLock, begin_read


@pytest.fixture
def cursors(tmp_path: Path) -> Iterator[tuple[sqlite3.Cursor, sqlite3.Cursor]]:
    """Those of two connections to one database."""
    options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
    made = [
        sqlite3.connect(tmp_path / "a.db", factory=SqliteConnection, **options) for _ in range(2)
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
    first.connection.commit()
    waiting.join(5)
    assert second.connection.in_transaction


@pytest.mark.timeout(20)
@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_a_thread_of_the_same_process_is_next_without_looking(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(write_lock, "PAUSE", 3600.0)
    monkeypatch.setattr(write_lock, "STREAK", 3600.0)
    monkeypatch.setattr(write_lock, "PATIENCE", 3600.0)
    first, second = cursors
    lock = WriteLock()
    lock.begin(first)
    waiting = threading.Thread(target=lock.begin, args=(second,))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    getattr(first.connection, end)()
    waiting.join()
    assert second.connection.in_transaction


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[SqliteConnection]:
    made = sqlite3.connect(tmp_path / "a.db", factory=SqliteConnection, isolation_level=None)
    yield made
    made.close()


def test_a_rollback_ends_a_transaction_that_nobody_waits_for(connection: SqliteConnection) -> None:
    connection.kept_cursor().execute("BEGIN")
    connection.rollback()
    assert not connection.in_transaction


def test_a_rollback_tells_of_an_end_that_a_commit_could_not_tell(
    connection: SqliteConnection,
) -> None:
    """A time limit may end a commit at any place."""
    told: list[str] = []
    connection.at_end = lambda: told.append("over")
    connection.rollback()
    assert told == ["over"]


def test_a_rollback_ends_a_read_that_outlives_its_transaction(connection: SqliteConnection) -> None:
    reading = connection.cursor()
    reading.execute("SELECT 1 UNION SELECT 2")
    connection.rollback()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        reading.fetchone()


@pytest.mark.timeout(20)
def test_a_connection_that_is_forgotten_gives_its_turn_back(tmp_path: Path) -> None:
    lock = WriteLock()
    for name in ("a.db", "b.db"):
        lock.begin(sqlite3.connect(tmp_path / name, factory=SqliteConnection).cursor())
        gc.collect()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Those that a lock made which has been handed on for long enough from the beginning."""
    made: list[float] = []
    monkeypatch.setattr(write_lock, "STREAK", 0.0)
    monkeypatch.setattr(time, "sleep", made.append)
    return made


class Turn:
    """A lock that says when somebody waits for it."""

    def __init__(self) -> None:
        self.waited_for = threading.Event()
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, *, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking:
            self.waited_for.set()
        return self._lock.acquire(blocking, timeout)


def test_other_processes_are_let_in_where_threads_hand_the_lock_on(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor], pauses: list[float]
) -> None:
    first, second = cursors
    lock = WriteLock()
    lock._turn = turn = Turn()  # type: ignore[assignment]
    lock.begin(first)
    waiting = threading.Thread(target=lock.begin, args=(second,))
    waiting.start()
    turn.waited_for.wait()
    first.connection.commit()
    waiting.join()
    assert len(pauses) == 1
    assert pauses[0] > write_lock.PAUSE


def test_one_thread_does_not_pause_between_its_transactions(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor], pauses: list[float]
) -> None:
    lock, connection = WriteLock(), cursors[0].connection
    for _ in range(3):
        lock.begin(connection.cursor())
        connection.commit()
    assert pauses == []


def test_who_waits_too_long_is_told_so(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 0.02)
    first, second = cursors
    lock = WriteLock()
    WriteLock().begin(first)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        lock.begin(second)
    first.connection.commit()
    lock.begin(second)


def test_sqlite_itself_waits_for_what_a_reader_needs(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor],
) -> None:
    lock, connection = WriteLock(), cursors[0].connection
    for _ in range(2):
        lock.begin(connection.cursor())
        connection.commit()
        begin_read(connection.cursor())
        patience = connection.execute("PRAGMA busy_timeout").fetchone()
        assert patience == (write_lock.PATIENCE * 1000,)
        connection.commit()


@pytest.mark.timeout(20)
def test_what_else_is_wrong_is_told_at_once(
    cursors: tuple[sqlite3.Cursor, sqlite3.Cursor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 3600.0)
    first, _ = cursors
    lock = WriteLock()
    first.execute("BEGIN")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            lock.begin(first)


def test_a_child_does_not_wait_for_its_parents_threads() -> None:
    lock = WriteLock()
    with lock._turn:
        child = os.fork()
        if child == 0:
            os._exit(0 if lock._turn.acquire(blocking=False) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
