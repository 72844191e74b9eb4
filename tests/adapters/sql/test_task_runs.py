from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from databases import beat
from sqlalchemy.exc import IntegrityError

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.renaming import Renames
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import StaleWrite
from orchestrator.ports import Transaction

MINUTE = timedelta(minutes=1)


def read(store: SqlStore, run: TaskRun) -> TaskRun:
    found = store.read(lambda tx: tx.task_runs.get(run.id))
    assert found is not None
    return found


def claim(store: SqlStore, run: TaskRun, worker: str = "w", lease: timedelta = MINUTE) -> TaskRun:
    def work(tx: Transaction) -> TaskRun:
        now = tx.now()
        return tx.task_runs.save(run, run.claim(worker, now, now + lease))

    return store.transact(work)


def test_a_task_run_is_read_as_it_was_written(
    store: SqlStore, new_run: Callable[..., TaskRun], now: datetime
) -> None:
    written = new_run(usage={"total_tokens": 7}, execution_time=0.5, lease_until=now, resumes=True)

    store.transact(lambda tx: tx.task_runs.add([written]))

    assert read(store, written) == written


def test_the_runs_of_an_execution_come_in_the_order_in_which_they_were_made(
    store: SqlStore, new_run: Callable[..., TaskRun], now: datetime
) -> None:
    runs = [new_run(path=f"task-{n}", created_at=now + n * MINUTE) for n in range(3)]

    store.transact(lambda tx: tx.task_runs.add([runs[2], runs[0], runs[1]]))

    assert list(store.read(lambda tx: tx.task_runs.of(runs[0].execution_id))) == runs


def test_a_run_that_waits_for_its_turn_is_admitted_once(
    store: SqlStore, new_run: Callable[..., TaskRun], now: datetime
) -> None:
    waits = new_run(held=True, publishes=0)
    store.transact(lambda tx: tx.task_runs.add([waits]))
    assert store.transact(lambda tx: tx.task_runs.held(waits.deployment, 9)) == (waits,)

    admitted = [
        store.transact(lambda tx: tx.task_runs.admit(waits, now + MINUTE, now + 2 * MINUTE))
        for _ in range(2)
    ]

    assert admitted == [True, False]
    assert read(store, waits) == replace(
        waits, held=False, publishes=1, published_at=now + MINUTE, wake_at=now + 2 * MINUTE
    )
    assert store.transact(lambda tx: tx.task_runs.held(waits.deployment, 9)) == ()


def test_one_of_many_claims_wins(
    store: SqlStore, run: TaskRun, race: Callable[..., list[Any]]
) -> None:
    def try_to_claim() -> bool:
        try:
            claim(store, run)
        except StaleWrite:
            return False
        return True

    assert sorted(race(try_to_claim)) == [False] * 7 + [True]
    assert read(store, run).claim_no == 1


def test_a_round_has_one_run(store: SqlStore, new_run: Callable[..., TaskRun]) -> None:
    store.transact(lambda tx: tx.task_runs.add([new_run()]))

    with pytest.raises(IntegrityError):
        store.transact(lambda tx: tx.task_runs.add([new_run()]))


def test_what_failed_may_run_again_in_its_round(
    store: SqlStore, new_run: Callable[..., TaskRun]
) -> None:
    failed, again = new_run(state=TaskRunState.FAILED), new_run()

    store.transact(lambda tx: tx.task_runs.add([failed, again]))

    assert len(store.read(lambda tx: tx.task_runs.of(again.execution_id))) == 2


def test_a_renewal_moves_the_lease_but_not_the_version(store: SqlStore, run: TaskRun) -> None:
    claimed = claim(store, run)

    assert store.transact(lambda tx: tx.task_runs.renew(run.id, claimed.claim_no, 2 * MINUTE))

    renewed = read(store, run)
    assert claimed.lease_until < renewed.lease_until
    assert renewed.version == claimed.version


def test_a_lost_claim_is_not_renewed(store: SqlStore, run: TaskRun, now: datetime) -> None:
    first = claim(store, run)
    given_up = store.transact(lambda tx: tx.task_runs.save(first, first.try_again(now, "lapsed")))

    assert not store.transact(lambda tx: tx.task_runs.renew(run.id, first.claim_no, MINUTE))
    claim(store, given_up)
    assert not store.transact(lambda tx: tx.task_runs.renew(run.id, first.claim_no, MINUTE))


def test_lapsed_are_the_runs_whose_lease_had_ended_at_the_last_heartbeat(
    store: SqlStore, new_run: Callable[..., TaskRun]
) -> None:
    dead, alive, due = (new_run(path=f"task-{n}") for n in range(3))
    store.transact(lambda tx: tx.task_runs.add([dead, alive, due]))
    claim(store, dead, lease=-MINUTE)
    claim(store, alive)
    assert store.read(lambda tx: tx.task_runs.lapsed(10)) == ()

    beat(store)

    assert store.read(lambda tx: tx.task_runs.lapsed(10)) == (dead.id,)


def test_a_worker_holds_what_it_claimed(
    store: SqlStore, new_run: Callable[..., TaskRun], now: datetime
) -> None:
    runs = [new_run(path=f"task-{n}") for n in range(3)]
    store.transact(lambda tx: tx.task_runs.add(runs))
    mine, _theirs = claim(store, runs[0], "me"), claim(store, runs[1], "they")
    done = claim(store, runs[2], "me")
    store.transact(lambda tx: tx.task_runs.save(done, done.commit(now, mine.id)))

    assert store.read(lambda tx: tx.task_runs.claimed_by("me")) == (mine.id,)


def test_the_sweep_finds_what_waits_too_long_the_longest_first(
    store: SqlStore, new_run: Callable[..., TaskRun], now: datetime
) -> None:
    late, later = new_run(wake_at=now), new_run(path="task-1", wake_at=now - MINUTE)
    fresh = new_run(path="task-2", wake_at=now + MINUTE)
    done = new_run(path="task-3", state=TaskRunState.COMMITTED)
    store.transact(lambda tx: tx.task_runs.add([late, later, fresh, done]))

    assert store.read(lambda tx: tx.task_runs.to_wake(now, 10)) == (later, late)
    assert store.read(lambda tx: tx.task_runs.to_wake(now, 1)) == (later,)


def test_one_of_many_sweeps_publishes_a_run_again(
    store: SqlStore, run: TaskRun, now: datetime, race: Callable[..., list[bool]]
) -> None:
    woken = race(lambda: store.transact(lambda tx: tx.task_runs.woken(run, now, now + MINUTE)))

    assert sorted(woken) == [False] * 7 + [True]
    assert read(store, run).publishes == run.publishes + 1
    assert read(store, run).wake_at == now + MINUTE


def test_a_run_that_was_claimed_meanwhile_is_not_woken(
    store: SqlStore, run: TaskRun, now: datetime
) -> None:
    claim(store, run)

    assert not store.transact(lambda tx: tx.task_runs.woken(run, now, now + MINUTE))


def test_a_publication_does_not_make_a_claim_stale(
    store: SqlStore, run: TaskRun, now: datetime
) -> None:
    store.transact(lambda tx: tx.task_runs.woken(run, now, now + MINUTE))

    assert claim(store, run).state is TaskRunState.RUNNING


def test_a_rename_changes_names_alone_and_no_row_that_moved_on(
    store: SqlStore, run: TaskRun
) -> None:
    renames = Renames({run.path: "renamed"})
    store.transact(lambda tx: tx.task_runs.rename(run, run.rename(renames)))
    now = replace(run, path="renamed", task_name="renamed", version=run.version + 1)
    assert read(store, run) == now
    with pytest.raises(StaleWrite):
        store.transact(lambda tx: tx.task_runs.rename(run, run.rename(renames)))
