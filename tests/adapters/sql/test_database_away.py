from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from orchestrator.adapters.sql import Cipher, make_store
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
