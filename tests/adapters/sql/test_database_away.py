from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from orchestrator.adapters.sql import Cipher, make_store, write_lock
from orchestrator.errors import DatabaseAway


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/at/all.db", "postgresql+psycopg://nobody@127.0.0.1:1/none"],
)
def test_a_database_that_cannot_be_reached_is_told_as_one_that_is_away(url: str) -> None:
    store = make_store(url, publish=lambda _: None, cipher=Cipher("a key"))
    with pytest.raises(DatabaseAway):
        store.read(lambda tx: tx.tokens.all())


def test_a_database_without_tables_is_not_told_as_one_that_comes_back(tmp_path: Path) -> None:
    store = make_store(f"sqlite:///{tmp_path}/x.db", publish=lambda _: None, cipher=Cipher("k"))
    with pytest.raises(OperationalError, match="no such table"):
        store.transact(lambda tx: tx.tokens.all())
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
