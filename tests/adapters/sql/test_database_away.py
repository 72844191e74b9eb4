from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from orchestrator.adapters.sql import Cipher, make_store, write_lock
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.errors import DatabaseAway, NotMigrated


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/at/all.db", "postgresql+psycopg://nobody@127.0.0.1:1/none"],
)
def test_a_database_that_cannot_be_reached_is_told_as_one_that_is_away(url: str) -> None:
    store = make_store(url, publish=lambda _: None, cipher=Cipher("a key"))
    with pytest.raises(DatabaseAway):
        store.read(lambda tx: tx.tokens.all())


@pytest.mark.parametrize("found", ["none", "0026"])
def test_a_database_that_was_not_migrated_is_told_with_what_to_run(
    bare_database: str, found: str
) -> None:
    if found != "none":
        upgrade(bare_database, found)
    store = make_store(bare_database, publish=lambda _: None, cipher=Cipher("k"))
    with pytest.raises(NotMigrated, match=f"at revision {found}, .* Run: orchestrator migrate"):
        store.transact(lambda tx: tx.mails.to_wake(tx.now(), 1))
    store.dispose()


def test_what_lacks_in_a_migrated_database_is_an_error_of_ours(sqlite_database: str) -> None:
    with sqlite3.connect(sqlite_database.removeprefix("sqlite:///")) as database:
        database.execute("DROP TABLE mailboxes")
    store = make_store(sqlite_database, publish=lambda _: None, cipher=Cipher("k"))
    with pytest.raises(OperationalError, match="no such table"):
        store.read(lambda tx: tx.mails.mailboxes())
    store.dispose()


def test_a_lock_that_another_program_keeps_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 0.02)
    tried: list[bool] = []
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    store = make_store(f"sqlite:///{tmp_path}/x.db", publish=lambda _: None, cipher=Cipher("k"))
    store.transact(lambda _: None)
    other.execute("BEGIN IMMEDIATE")
    begun = write_lock._begun

    def counted(cursor: sqlite3.Cursor, *, is_last_try: bool) -> bool:
        tried.append(is_last_try)
        return begun(cursor, is_last_try=is_last_try)

    monkeypatch.setattr(write_lock, "_begun", counted)
    with pytest.raises(DatabaseAway):
        store.transact(lambda tx: tx.tokens.all())
    assert tried.count(True) == 1
    store.dispose()
    other.close()
