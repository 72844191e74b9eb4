from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.schema import workers

MINUTE = timedelta(minutes=1)


def consuming(store: SqlStore, queue: str, within: timedelta = MINUTE) -> tuple[str, ...]:
    return store.read(lambda tx: tx.workers.consuming(queue, within))


def test_a_worker_is_seen_on_its_queues(store: SqlStore) -> None:
    store.transact(lambda tx: tx.workers.seen("b", ["crews", "webhooks"]))
    store.transact(lambda tx: tx.workers.seen("a", ["crews"]))

    assert consuming(store, "crews") == ("a", "b")
    assert consuming(store, "webhooks") == ("b",)
    assert consuming(store, "intake") == ()


def test_a_worker_may_change_its_queues(store: SqlStore) -> None:
    store.transact(lambda tx: tx.workers.seen("a", ["crews"]))
    store.transact(lambda tx: tx.workers.seen("a", ["intake"]))

    assert consuming(store, "crews") == ()


def test_a_worker_that_was_not_seen_lately_does_not_consume(store: SqlStore) -> None:
    store.transact(lambda tx: tx.workers.seen("a", ["crews"]))

    assert consuming(store, "crews", within=-MINUTE) == ()


def test_a_worker_that_ended_is_forgotten(store: SqlStore) -> None:
    store.transact(lambda tx: tx.workers.seen("a", ["crews"]))
    store.transact(lambda tx: tx.workers.gone("a"))

    assert consuming(store, "crews") == ()


def test_a_worker_has_one_row(store: SqlStore, rows: Connection) -> None:
    for _ in range(3):
        store.transact(lambda tx: tx.workers.seen("a", ["crews"]))

    assert len(rows.execute(select(workers)).all()) == 1


def plans(store: SqlStore, within: timedelta = MINUTE) -> frozenset[str]:
    return store.read(lambda tx: tx.workers.plans("news", within))


def test_processes_of_one_worker_may_have_loaded_different_plans(store: SqlStore) -> None:
    for process, digest in (("a/1", "old"), ("a/2", "new"), ("a/2", "newer")):
        loaded = {"news": digest, "sport": "other"}
        store.transact(lambda tx, p=process, d=loaded: tx.workers.loaded(p, "a", d))
    store.transact(lambda tx: tx.workers.loaded("b/1", "b", {}))

    assert plans(store) == {"old", "newer"}
    assert plans(store, within=-MINUTE) == frozenset()


def test_a_worker_that_ended_takes_its_processes_along(store: SqlStore) -> None:
    for process, worker in (("a/1", "a"), ("a/2", "a"), ("b/1", "b")):
        digest = {"news": process}
        store.transact(lambda tx, p=process, w=worker, d=digest: tx.workers.loaded(p, w, d))
    store.transact(lambda tx: tx.workers.gone("a"))

    assert plans(store) == {"b/1"}
