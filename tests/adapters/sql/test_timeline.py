from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.sql.timeline import SqlTimeline
from orchestrator.domain.execution import Execution
from orchestrator.domain.timeline import Entry
from orchestrator.ports import EntryFilter

several_writers = pytest.mark.parametrize(
    "database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""SQLite has one writer at a time: its numbers are committed in order."""


def entry(execution: Execution, event: str) -> Entry:
    return Entry(
        execution_id=execution.id,
        deployment=execution.deployment,
        at=execution.created_at,
        actor="sweep",
        event=event,
        subject_id=execution.id,
        round=1,
        details={"why": "a\0b"},
    )


def test_entries_come_back_numbered_in_the_order_in_which_they_were_added(
    store: SqlStore, execution: Execution
) -> None:
    added = [entry(execution, event) for event in ("c", "a", "b")]

    store.transact(lambda tx: tx.timeline.add(added[:2]))
    store.transact(lambda tx: tx.timeline.add(added[2:]))

    found = store.read(lambda tx: tx.timeline.of(execution.id))
    assert [replace(each, number=None) for each in found] == added
    assert [each.number for each in found] == [1, 2, 3]


def test_nothing_may_be_added(store: SqlStore, execution: Execution) -> None:
    store.transact(lambda tx: tx.timeline.add([]))

    assert store.read(lambda tx: tx.timeline.of(execution.id)) == ()


def test_the_tail_is_read_beyond_a_number_and_up_to_another(
    store: SqlStore, execution: Execution
) -> None:
    store.transact(lambda tx: tx.timeline.add([entry(execution, event) for event in "abcd"]))

    found = store.read(lambda tx: tx.timeline.beyond(1, 3, 9))
    assert [(each.number, each.event) for each in found] == [(2, "b"), (3, "c")]
    assert [each.number for each in store.read(lambda tx: tx.timeline.beyond(0, 9, 1))] == [1]
    assert store.read(lambda tx: tx.timeline.settled()) == 4


def test_no_entry_has_the_number_nought(store: SqlStore) -> None:
    assert store.read(lambda tx: tx.timeline.settled()) == 0


@pytest.mark.parametrize(
    ("wanted", "events"),
    [
        (EntryFilter(), ["review.open", "task_run.claim", "review.answer"]),
        (EntryFilter(reviews=True), ["review.open", "review.answer"]),
        (EntryFilter(deployments={"elsewhere"}), ["task_run.claim"]),
        (EntryFilter(deployments={"elsewhere"}, reviews=True), []),
        (EntryFilter(execution_id="none"), []),
    ],
)
def test_what_is_wanted_is_the_same_for_the_database_and_for_listeners(
    store: SqlStore, execution: Execution, wanted: EntryFilter, events: list[str]
) -> None:
    made = [entry(execution, event) for event in ("review.open", "task_run.claim", "review.answer")]
    made[1] = replace(made[1], deployment="elsewhere")
    store.transact(lambda tx: tx.timeline.add(made))

    found = store.read(lambda tx: tx.timeline.beyond(0, 9, 9, wanted))
    assert [each.event for each in found] == events
    assert [each.event for each in made if wanted.matches(each)] == events


@contextmanager
def adding(url: str, *entries: Entry) -> Iterator[Connection]:
    """A transaction in flight that has added these."""
    engine = make_engine(url)
    with engine.connect() as connection:
        SqlTimeline(connection).add(entries)
        yield connection
    engine.dispose()


@several_writers
def test_what_follows_a_transaction_in_flight_is_not_settled(
    store: SqlStore, execution: Execution, database: str
) -> None:
    with adding(database, entry(execution, "slow")) as slow:
        store.transact(lambda tx: tx.timeline.add([entry(execution, "fast")]))
        assert store.read(lambda tx: tx.timeline.settled()) == 0
        slow.commit()

    assert store.read(lambda tx: tx.timeline.settled()) == 2
    found = store.read(lambda tx: tx.timeline.beyond(0, 2, 9))
    assert [each.event for each in found] == ["slow", "fast"]


@several_writers
def test_only_what_was_numbered_before_is_settled_by_the_oldest_in_flight(
    store: SqlStore, execution: Execution, database: str
) -> None:
    store.transact(lambda tx: tx.timeline.add([entry(execution, "before")] * 3))
    with ExitStack() as in_flight:
        in_flight.enter_context(adding(database, entry(execution, "slow")))
        in_flight.enter_context(adding(database, *[entry(execution, "slower")] * 9))
        store.transact(lambda tx: tx.timeline.add([entry(execution, "fast")]))
        assert store.read(lambda tx: tx.timeline.settled()) == 3


@several_writers
def test_a_gap_that_a_lost_race_leaves_holds_nobody_up(
    store: SqlStore, execution: Execution, database: str
) -> None:
    with adding(database, entry(execution, "lost")) as lost:
        lost.rollback()
        store.transact(lambda tx: tx.timeline.add([entry(execution, "won")]))
        assert store.read(lambda tx: tx.timeline.settled()) == 2


@several_writers
def test_a_transaction_that_tells_nothing_holds_nobody_up(
    store: SqlStore, execution: Execution, database: str
) -> None:
    with adding(database) as silent:
        silent.exec_driver_sql("UPDATE executions SET error = 'x'")
        SqlTimeline(silent).add([])
        store.transact(lambda tx: tx.timeline.add([]))
        assert store.read(lambda tx: tx.timeline.settled()) == 0


@several_writers
def test_a_large_transaction_holds_one_lock(execution: Execution, database: str) -> None:
    with adding(database, *[entry(execution, "one of many")] * 300) as large:
        held = large.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert held.scalar_one() == 1
