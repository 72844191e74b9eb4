from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from orchestrator.adapters.sql import SqlStore
from orchestrator.errors import StaleWrite
from orchestrator.ports import StoredResponse, Transaction

KEPT = StoredResponse("sha256:" + "0" * 64, {"kickoff_id": "k-1"})


def test_a_key_is_scoped_to_its_deployment_and_call(store: SqlStore, now: datetime) -> None:
    store.transact(lambda tx: tx.keys.put("newsroom", "kickoff", "k", KEPT, now))

    assert store.read(lambda tx: tx.keys.get("newsroom", "kickoff", "k")) == KEPT
    assert store.read(lambda tx: tx.keys.get("newsroom", "resume", "k")) is None
    assert store.read(lambda tx: tx.keys.get("other", "kickoff", "k")) is None


def test_a_used_key_is_not_written_over(store: SqlStore, now: datetime) -> None:
    other = StoredResponse(KEPT.body_digest, {"kickoff_id": "k-2"})
    store.transact(lambda tx: tx.keys.put("newsroom", "kickoff", "k", KEPT, now))

    with pytest.raises(StaleWrite):
        store.transact(lambda tx: tx.keys.put("newsroom", "kickoff", "k", other, now))

    assert store.read(lambda tx: tx.keys.get("newsroom", "kickoff", "k")) == KEPT


def test_simultaneous_calls_with_one_key_do_the_work_once(
    store: SqlStore, now: datetime, race: Callable[..., list[bool]]
) -> None:
    def call(tx: Transaction) -> bool:
        if tx.keys.get("newsroom", "kickoff", "k"):
            return False
        tx.keys.put("newsroom", "kickoff", "k", KEPT, now)
        return True

    assert sorted(race(lambda: store.transact(call))) == [False] * 7 + [True]
