from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.sweeps import LATELY
from orchestrator.ports import FailingStep


def failing(store: SqlStore) -> tuple[FailingStep, ...]:
    return store.read(lambda tx: tx.sweeps.failing_steps())


def test_a_step_fails_since_it_first_did(store: SqlStore) -> None:
    store.transact(lambda tx: tx.sweeps.step_failed("messages", "no\0"))
    (first,) = failing(store)
    store.transact(lambda tx: tx.sweeps.step_failed("messages", "neither"))

    (second,) = failing(store)

    assert (first.error, first.since) == ("no\ufffd", first.at)
    assert (second.error, second.since) == ("neither", first.at)
    assert second.at > first.at


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_step_that_has_not_failed_again_is_mended(store: SqlStore) -> None:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as traveller:
        store.transact(lambda tx: tx.sweeps.step_failed("messages", "no"))
        traveller.shift(LATELY - timedelta(seconds=1))
        assert failing(store)
        traveller.shift(timedelta(seconds=1))
        assert not failing(store)
