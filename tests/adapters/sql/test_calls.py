from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from calling import Caller, die_once, dies
from sqlalchemy import Connection, select
from world import plan_of, world_over

from orchestrator.adapters.sql import SqlStore, migrate
from orchestrator.adapters.sql.schema import calls
from orchestrator.domain.calls import Approval, CallKind, RecordedCall, ToolRules
from orchestrator.domain.renaming import Renames
from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import Unreadable
from orchestrator.ports import Transaction
from orchestrator.usecases.executions.journal_rows import spent_in


def call(number: int, step: str = "write", **fields: Any) -> RecordedCall:
    return RecordedCall(number, step, CallKind.MODEL, "gpt", f"sha256:{number}", **fields)


@pytest.fixture
def claimed(store: SqlStore, run: TaskRun) -> TaskRun:
    """A task run that a worker holds."""

    def claim(tx: Transaction) -> TaskRun:
        now = tx.now()
        return tx.task_runs.save(run, run.claim("w-1", now, now + timedelta(minutes=1)))

    return store.transact(claim)


def add(store: SqlStore, run: TaskRun, *written: RecordedCall, answer: Any = "yes") -> None:
    def work(tx: Transaction) -> None:
        for each in written:
            tx.calls.add(run, each, answer)

    store.transact(work)


def numbers(store: SqlStore, run: TaskRun) -> list[int]:
    return [each.number for each in store.read(lambda tx: tx.calls.of(run))]


def test_calls_are_read_as_they_were_written(store: SqlStore, claimed: TaskRun) -> None:
    written = [
        call(1, usage={"total_tokens": 15}),
        call(2, arguments={"what": "\x00 owls"}, ended=False, note="odd"),
    ]
    add(store, claimed, *written, answer={"text": "\ud800"})
    assert list(store.read(lambda tx: tx.calls.of(claimed))) == written
    assert store.read(lambda tx: tx.calls.answer(claimed, 1)) == {"text": "\ud800"}


def test_what_a_step_spent_is_its_own_and_what_is_inside_it(
    store: SqlStore, claimed: TaskRun
) -> None:
    steps = ("draft#1", "draft#1/task:write~1", "draft#10", "facts#1", "draft#1")
    written = [
        call(number, step, usage={"total_tokens": 10**number, "model": "gpt"})
        for number, step in enumerate(steps)
    ]
    add(store, claimed, *written)
    spent = store.read(lambda tx: spent_in(tx, claimed, "draft#1"))
    assert spent == {"total_tokens": 10_011}


def test_an_answer_that_is_gone_is_unreadable(store: SqlStore, claimed: TaskRun) -> None:
    with pytest.raises(Unreadable):
        store.read(lambda tx: tx.calls.answer(claimed, 1))


def test_a_call_that_was_begun_ends(store: SqlStore, claimed: TaskRun) -> None:
    add(store, claimed, call(1, ended=False), answer=None)
    store.transact(lambda tx: tx.calls.save(claimed, call(1, usage={"total_tokens": 3}), "paid"))
    assert store.read(lambda tx: tx.calls.of(claimed)) == (call(1, usage={"total_tokens": 3}),)
    assert store.read(lambda tx: tx.calls.answer(claimed, 1)) == "paid"


def test_how_it_stands_with_an_approval_is_kept(store: SqlStore, claimed: TaskRun) -> None:
    asked = call(1, ended=False, arguments={"to": 1}, approval=Approval.ASKED)
    add(store, claimed, asked, answer=None)
    for stands in (asked.approved({"to": 2}), asked.approved({"to": 2}).begun()):
        store.transact(lambda tx, now=stands: tx.calls.save(claimed, now))
        assert store.read(lambda tx: tx.calls.of(claimed)) == (stands,)


def test_the_version_before_asks_what_it_knows_to_ask(bare_database: str) -> None:
    migrate.upgrade(bare_database)
    world = world_over(bare_database, plan_of("write"), tools=ToolRules(approval=("pay",)))
    world.ports.runners["functions"] = Caller(world.runner.the_plan)  # type: ignore[index]
    execution_id = world.halted()
    (run,) = world.snapshot(execution_id).runs
    world.ports.store.dispose()
    migrate.downgrade(bare_database, "0019")
    migrate.upgrade(bare_database)
    world = world_over(bare_database, plan_of("write"))
    (pending,) = world.snapshot(execution_id).pending
    question = pending.review.question
    assert (question.kind, question.options) == ("effect", ("run-again", "give-up"))
    kept = world.ports.store.read(lambda tx: tx.calls.of(run))
    assert [each.name for each in kept] == ["model", "look", "model"]
    world.ports.store.dispose()


def test_calls_of_the_version_before_can_be_encrypted_anew(bare_database: str) -> None:
    migrate.upgrade(bare_database)
    world = world_over(bare_database, plan_of("write"))
    world.ports.runners["functions"] = runner = Caller(world.runner.the_plan)  # type: ignore[index]
    world.kickoff()
    runner.at[4] = dies
    die_once(world)
    world.ports.store.dispose()
    migrate.downgrade(bare_database, "0028")
    migrate.upgrade(bare_database)
    world = world_over(bare_database, plan_of("write"))
    found = world.ports.store.read(lambda tx: tx.secrets.outdated("answers in the journal", None))
    assert found.last is not None
    world.ports.store.dispose()


def test_another_round_has_calls_of_its_own(
    store: SqlStore, claimed: TaskRun, new_run: Callable[..., TaskRun]
) -> None:
    other = new_run(round=2)
    store.transact(lambda tx: tx.task_runs.add([other]))
    add(store, claimed, call(1))
    add(store, other, call(1), call(2))
    store.transact(lambda tx: tx.calls.purge(other))
    assert (numbers(store, claimed), numbers(store, other)) == ([1], [])


def test_a_steps_calls_go_with_those_inside_it(store: SqlStore, claimed: TaskRun) -> None:
    steps = ("a_b#1", "a_b#1/task:x~1", "axb#1", "axb#1/task:x~1", "a_b#12")
    add(store, claimed, *(call(n, step) for n, step in enumerate(steps, start=1)))
    store.transact(lambda tx: tx.calls.purge(claimed, "a_b#1"))
    assert numbers(store, claimed) == [3, 4, 5]


def test_some_calls_are_dropped_or_all_of_an_execution(
    store: SqlStore, claimed: TaskRun, rows: Connection
) -> None:
    add(store, claimed, call(1), call(2), call(3))
    store.transact(lambda tx: tx.calls.drop(claimed, [1, 3]))
    assert numbers(store, claimed) == [2]
    store.transact(lambda tx: tx.calls.purge_execution(claimed.execution_id))
    assert rows.execute(select(calls)).all() == []


def test_only_the_current_claim_is_held(store: SqlStore, claimed: TaskRun) -> None:
    def hold(claim_no: int) -> bool:
        return store.transact(lambda tx: tx.task_runs.fence(claimed.id, claim_no))

    assert hold(claimed.claim_no)
    assert not hold(claimed.claim_no - 1)
    given_back = claimed.give_back(claimed.due_at)
    store.transact(lambda tx: tx.task_runs.save(claimed, given_back))
    assert not hold(claimed.claim_no)


def test_a_claim_that_is_held_does_not_end_before_what_was_written_under_it(
    store: SqlStore, claimed: TaskRun
) -> None:
    held, seen = threading.Event(), []

    def give_back() -> None:
        held.wait(10)

        def work(tx: Transaction) -> None:
            tx.task_runs.save(claimed, claimed.give_back(claimed.due_at))
            seen.extend(tx.calls.of(claimed))

        store.transact(work)

    def write(tx: Transaction) -> None:
        assert tx.task_runs.fence(claimed.id, claimed.claim_no)
        held.set()
        ending.join(0.3)  # it cannot end: it waits for this transaction
        tx.calls.add(claimed, call(1), "yes")

    ending = threading.Thread(target=give_back)
    ending.start()
    store.transact(write)
    ending.join(20)
    assert seen == [call(1)]


def test_calls_go_with_their_tasks_where_names_are_taken_over(
    store: SqlStore, claimed: TaskRun
) -> None:
    later, other = replace(claimed, path="b"), replace(claimed, path="x")
    first = replace(claimed, path="a")
    add(store, first, call(1, "a"), answer="of a")
    add(store, later, call(1, "b"), answer="of b")
    add(store, other, call(1, "x"), answer="of x")
    renames = Renames({"a": "b", "b": "c"})
    store.transact(lambda tx: tx.calls.rename(claimed.execution_id, renames))

    def read(tx: Transaction) -> dict[str, tuple[Any, str]]:
        runs = [replace(claimed, path=path) for path in ("b", "c", "x")]
        return {run.path: (tx.calls.answer(run, 1), tx.calls.of(run)[0].step) for run in runs}

    assert store.read(read) == {"b": ("of a", "b"), "c": ("of b", "c"), "x": ("of x", "x")}
