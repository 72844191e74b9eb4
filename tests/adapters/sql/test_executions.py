from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
from processes import SECONDS_TO_WORK, came_true

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.execution import Execution
from orchestrator.domain.webhooks import Stream, Subscriptions
from orchestrator.errors import StaleWrite
from orchestrator.ports import Transaction


def read(store: SqlStore, execution_id: str) -> Execution:
    found = store.read(lambda tx: tx.executions.get(execution_id))
    assert found is not None
    return found


def test_an_execution_is_read_as_it_was_written(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    stream = Stream("e-1", ("task_started",), realtime=True)
    told = Subscriptions(task="e-2", stream=stream)
    written = new_execution(subscriptions=told, inputs={"a": [1, None, "é"]}, batch="b")

    store.transact(lambda tx: tx.executions.add(written))

    assert read(store, written.id) == written


def test_an_id_is_taken_once(store: SqlStore, execution: Execution) -> None:
    second = replace(execution, actor="somebody else")

    assert not store.transact(lambda tx: tx.executions.add(second))
    assert read(store, execution.id).actor == execution.actor


def test_one_of_many_simultaneous_kickoffs_makes_the_execution(
    store: SqlStore, new_execution: Callable[..., Execution], race: Callable[..., list[bool]]
) -> None:
    same = new_execution()

    added = race(lambda: store.transact(lambda tx: tx.executions.add(same)))

    assert sorted(added) == [False] * 7 + [True]


@pytest.mark.parametrize("execution_id", ["unknown", "\0", "\ud800", "x" * 5000])
def test_an_unknown_execution_is_none(store: SqlStore, execution_id: str) -> None:
    assert store.read(lambda tx: tx.executions.get(execution_id)) is None


def test_a_save_raises_the_version(store: SqlStore, execution: Execution, now: datetime) -> None:
    saved = store.transact(lambda tx: tx.executions.save(execution, execution.start(now)))

    assert saved.version == 2
    assert read(store, execution.id) == saved


def test_a_save_over_an_older_version_is_refused(
    store: SqlStore, execution: Execution, now: datetime
) -> None:
    store.transact(lambda tx: tx.executions.save(execution, replace(execution, sequence=1)))

    with pytest.raises(StaleWrite):
        store.transact(lambda tx: tx.executions.save(execution, execution.start(now)))

    assert read(store, execution.id).sequence == 1


def test_no_write_is_lost_when_many_change_one_execution(
    store: SqlStore, execution: Execution, race: Callable[..., list[Any]]
) -> None:
    def count_up(tx: Transaction) -> None:
        locked = tx.executions.lock(execution.id)
        assert locked
        tx.executions.save(locked, replace(locked, sequence=locked.sequence + 1))

    race(lambda: store.transact(count_up))

    assert read(store, execution.id).sequence == 8


def test_who_did_not_lock_loads_and_decides_again(
    store: SqlStore, execution: Execution, race: Callable[..., list[Any]]
) -> None:
    def count_up(tx: Transaction) -> None:
        seen = tx.executions.get(execution.id)
        assert seen
        tx.executions.save(seen, replace(seen, sequence=seen.sequence + 1))

    race(lambda: [store.transact(count_up) for _ in range(2)])

    assert read(store, execution.id).sequence == 16


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.postgres
def test_whoever_waited_for_an_execution_has_the_time_after_that(
    store: SqlStore, database: str, execution: Execution
) -> None:
    def work(tx: Transaction) -> tuple[datetime, datetime]:
        before = tx.now()
        tx.executions.lock(execution.id)
        return before, tx.now()

    with psycopg.connect(database) as holder, ThreadPoolExecutor(1) as threads:
        holder.execute("SELECT 1 FROM executions WHERE id = %s FOR UPDATE", (execution.id,))
        waiting = threads.submit(store.transact, work)
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        assert came_true(lambda: one(holder, waits), SECONDS_TO_WORK)
        let_go = one(holder, "SELECT clock_timestamp()")
        holder.commit()
        before, after = waiting.result()

    assert before < let_go <= after


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    """The only value that a query finds."""
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def test_words_that_no_database_takes_are_made_readable(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    written = new_execution(error="a\0b\ud800c", meta={"note": "a\0b\ud800c"})

    store.transact(lambda tx: tx.executions.add(written))

    assert read(store, written.id).error == "a\ufffdb\ufffdc"
    assert read(store, written.id).meta == {"note": "a\0b\ud800c"}
