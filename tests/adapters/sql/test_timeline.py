from __future__ import annotations

from dataclasses import replace

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.execution import Execution
from orchestrator.domain.timeline import Entry


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


def test_the_tail_is_read_beyond_a_number(store: SqlStore, execution: Execution) -> None:
    store.transact(lambda tx: tx.timeline.add([entry(execution, event) for event in "abc"]))

    found = store.read(lambda tx: tx.timeline.beyond(1, 1))
    assert [(each.number, each.event) for each in found] == [(2, "b")]
    assert store.read(lambda tx: tx.timeline.newest()) == 3


def test_no_entry_has_the_number_nought(store: SqlStore) -> None:
    assert store.read(lambda tx: tx.timeline.newest()) == 0
