"""Figures that are counted as things happen: always right, and as quick with many rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Select, delete, event, func, insert, select, update
from sqlalchemy.dialects.postgresql import asyncpg

from orchestrator.adapters.sql import SqlStore, due
from orchestrator.adapters.sql import executions as executions_kept
from orchestrator.adapters.sql import reviews as reviews_kept
from orchestrator.adapters.sql import task_runs as task_runs_kept
from orchestrator.adapters.sql.rows import values_of
from orchestrator.adapters.sql.schema import (
    deliveries,
    endpoints,
    executions,
    reviews,
    tallies,
    tally_deltas,
    task_runs,
)
from orchestrator.adapters.sql.tallies import counted as tallies_counted
from orchestrator.adapters.sql.tallies import fold
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.ports import Outcome, Transaction

MINUTE = timedelta(minutes=1)


def fold_all(store: SqlStore) -> None:
    with store._writer.begin() as connection:
        fold(connection, 1, 1_000_000)


def counted(store: SqlStore) -> dict[tuple[str, str], int]:
    """The executions by deployment and state, as the figures have it."""
    found = store.read(lambda tx: tx.figures.executions())
    return {(each.deployment, each.state): each.count for each in found}


def really(store: SqlStore) -> dict[tuple[str, str], int]:
    """The same by counting."""
    by = (executions.c.deployment, executions.c.state)
    with store._reader.begin() as connection:
        rows = connection.execute(select(*by, func.count()).group_by(*by)).all()
    return {(row[0], row[1]): row[2] for row in rows}


def test_figures_follow_every_change_folded_or_not(
    store: SqlStore, execution: Execution, new_execution: Callable[..., Execution], now: datetime
) -> None:
    store.transact(lambda tx: tx.executions.add(new_execution(deployment="other")))
    fold_all(store)
    started = store.transact(lambda tx: tx.executions.save(execution, execution.start(now)))
    assert counted(store) == really(store)

    fold_all(store)
    store.transact(lambda tx: tx.executions.save(started, started.fail(now, "401")))
    assert counted(store) == really(store)

    with store._writer.begin() as connection:
        connection.execute(delete(executions).where(executions.c.deployment == "other"))
    assert counted(store) == really(store) == {("newsroom", ExecutionState.FAILED): 1}


def test_what_is_written_past_the_code_is_counted_too(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    with store._writer.begin() as connection:
        rows = [values_of(new_execution()) for _ in range(3)]
        connection.execute(insert(executions), rows)
        connection.execute(update(executions).values(state=ExecutionState.STOPPED))

    assert counted(store) == {("newsroom", ExecutionState.STOPPED): 3}


def test_what_is_rolled_back_is_not_counted(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    def work(tx: Transaction) -> None:
        tx.executions.add(new_execution())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transact(work)

    assert counted(store) == {}


def test_figures_are_right_while_many_write_and_fold(
    store: SqlStore, new_execution: Callable[..., Execution], race: Callable[..., list[None]]
) -> None:
    def write() -> None:
        for _ in range(5):
            store.transact(lambda tx: tx.executions.add(new_execution()))
            fold_all(store)

    race(write)

    assert counted(store) == {("newsroom", ExecutionState.QUEUED): 40}
    fold_all(store)
    assert counted(store) == {("newsroom", ExecutionState.QUEUED): 40}


def test_the_sweep_folds_what_has_gathered_and_forgets_what_is_nothing(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    with store._writer.begin() as connection:
        connection.execute(insert(executions), [values_of(new_execution()) for _ in range(999)])
    assert store.transact(lambda tx: tx.figures.fold()) == 0

    with store._writer.begin() as connection:
        connection.execute(delete(executions))
    assert store.transact(lambda tx: tx.figures.fold()) == 2 * 999

    with store._reader.begin() as connection:
        left = [connection.execute(select(table)).all() for table in (tallies, tally_deltas)]
    assert left == [[], []]


def test_deliveries_are_counted_by_state_and_by_where_they_wait(
    store: SqlStore, new_delivery: Callable[..., Delivery], endpoint: str, now: datetime
) -> None:
    store.transact(lambda tx: tx.deliveries.add([new_delivery(sequence=n) for n in range(3)]))
    (one, *_) = store.transact(
        lambda tx: tx.deliveries.claim_due(endpoint, "w", now, MINUTE, 1)
    ).deliveries
    store.transact(lambda tx: tx.deliveries.record([Outcome(one, one.deliver(now))]))

    figures = store.read(
        lambda tx: (tx.figures.deliveries(), tx.figures.waiting_deliveries([endpoint, "x"]))
    )
    states = {DeliveryState.DELIVERED: 1, DeliveryState.PENDING: 2}
    assert figures == ({("newsroom", state): n for state, n in states.items()}, {endpoint: 2})


def test_what_was_delivered_and_purged_counts_no_more(
    store: SqlStore, new_delivery: Callable[..., Delivery]
) -> None:
    made = new_delivery(state=DeliveryState.DELIVERED)
    store.transact(lambda tx: tx.deliveries.add([made]))
    store.transact(lambda tx: tx.deliveries.purge(made.execution_id, 10))

    assert store.read(lambda tx: tx.figures.deliveries()) == {}


NOON = datetime.fromisoformat("2026-11-22T12:30:15.123456+00:00")

FIGURES: dict[str, Callable[[Transaction], object]] = {
    "the sweep's look for endpoints": lambda tx: tx.deliveries.to_wake(NOON, 10),
    "executions": lambda tx: tx.figures.executions(),
    "open reviews": lambda tx: tx.figures.open_reviews(),
    "due task runs": lambda tx: tx.figures.due_task_runs(NOON),
    "tasks": lambda tx: tx.figures.tasks(),
    "troubled task runs": lambda tx: tx.figures.troubled(5),
    "deliveries": lambda tx: tx.figures.deliveries(),
    "the oldest delivery": lambda tx: tx.figures.oldest_due_delivery(NOON),
    "endpoints": lambda tx: tx.figures.endpoints(500),
    "plans": lambda tx: tx.figures.plans_begun_with(),
    "checkpoints that nobody reads": lambda tx: tx.figures.open_with_foreign_checkpoint(),
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_figures_take_no_longer_with_many_rows(
    store: SqlStore, endpoint: str, execution: Execution, fill: Callable[[int], None], now: datetime
) -> None:
    fill(20)
    few = {name: steps(store, work) for name, work in FIGURES.items()}
    fill(2_000)
    many = {name: steps(store, work) for name, work in FIGURES.items()}

    grown = {name: (few[name], many[name]) for name in few if many[name] > 1.5 * few[name] + 20}
    assert grown == {}


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_pages_that_a_flood_left_behind_are_not_read(
    store: SqlStore, database: str, execution: Execution
) -> None:
    with store._writer.begin() as connection:
        delta = {"what": "executions", "deployment": "newsroom", "label": "QUEUED", "amount": 1.0}
        connection.execute(insert(tally_deltas), [delta] * 20_000)
    fold_all(store)
    store.transact(lambda tx: tx.executions.save(execution, execution.start(execution.created_at)))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE tally_deltas")

    plan = explained(store, tallies_counted("executions"))
    assert "pk_tally_deltas" in plan
    assert "Seq Scan on tally_deltas" not in plan
    assert counted(store) == {
        ("newsroom", "QUEUED"): 20_000,
        ("newsroom", "RUNNING"): 1,
    }


SWEPT = {
    "whether anything is due": due.ANYTHING,
    "lapsed claims": task_runs_kept.LAPSED,
    "task runs": task_runs_kept.TO_WAKE,
    "expired reviews": reviews_kept.OVERDUE,
    "overdue reviews": reviews_kept.DUE,
    "executions to purge": executions_kept.TO_PURGE,
}


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_plan_that_postgresql_keeps_for_any_time_reads_no_whole_table(
    store: SqlStore, database: str, endpoint: str, fill: Callable[[int], None], now: datetime
) -> None:
    fill(2_000)
    with store._writer.begin() as connection:  # as it is once all was told
        connection.execute(update(deliveries).values(state=DeliveryState.DELIVERED))
        connection.execute(update(executions).values(finished_at=now))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        plans = {name: kept_plan(connection, query) for name, query in SWEPT.items()}

    large = r"Seq Scan on (executions|task_runs|reviews)\b"
    assert {name: plan for name, plan in plans.items() if re.search(large, plan)} == {}


def kept_plan(connection: psycopg.Connection[Any], query: Select[Any]) -> str:
    """What PostgreSQL does from the sixth time on, whatever the values."""
    bound = ("now", "beat_since", "finished_before", "closed_before", "most")
    compiled = query.params(dict.fromkeys(bound)).compile(
        dialect=asyncpg.dialect(),  # for its way to write what is bound
        compile_kwargs={"render_postcompile": True},
    )
    return "\n".join(row[0] for row in connection.execute(f"EXPLAIN (GENERIC_PLAN) {compiled}"))


def explained(store: SqlStore, query: Select[Any]) -> str:
    """PostgreSQL's plan for a query."""
    with store._reader.begin() as connection:
        options = {"literal_binds": True}
        sql = str(query.compile(dialect=connection.dialect, compile_kwargs=options))
        return "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}").scalars())


def steps(store: SqlStore, work: Callable[[Transaction], object]) -> int:
    """How many steps SQLite's machine takes for it, in tens."""
    counts = [0]

    def step() -> None:
        counts[0] += 1

    def watch(_: object, cursor: Any, *__: object) -> None:
        cursor.connection.set_progress_handler(step, 10)

    event.listen(store._writer, "before_cursor_execute", watch)
    store.transact(work)
    event.remove(store._writer, "before_cursor_execute", watch)
    return counts[0]


@pytest.fixture
def fill(  # noqa: PLR0913, PLR0917 - a fixture for each kind of row
    store: SqlStore,
    endpoint: str,
    new_execution: Callable[..., Execution],
    new_run: Callable[..., TaskRun],
    new_review: Callable[..., Review],
    new_delivery: Callable[..., Delivery],
    now: datetime,
) -> Callable[[int], None]:
    """Writes that many of everything: what is over, what waits at a resting endpoint, is due."""

    def write(count: int) -> None:
        over = [new_execution(state=ExecutionState.SUCCEEDED) for _ in range(count)]
        runs = [
            new_run(execution_id=each.id, state=TaskRunState.COMMITTED, execution_time=2.0)
            for each in over
        ]
        runs += [new_run(execution_id=each.id, path="task-1", due_at=now) for each in over]
        asked = [new_review(execution_id=each.id, state=ReviewState.ANSWERED) for each in over]
        asked += [new_review(execution_id=each.id) for each in over]
        told = [new_delivery(execution_id=each.id) for each in over]
        told += [new_delivery(execution_id=each.id, state=DeliveryState.DELIVERED) for each in over]
        with store._writer.begin() as connection:
            connection.execute(insert(executions), [values_of(each) for each in over])
            connection.execute(insert(task_runs), [values_of(each) for each in runs])
            connection.execute(insert(reviews), [values_of(each) for each in asked])
            connection.execute(insert(deliveries), [values_of(each) for each in told])
            connection.execute(update(endpoints).values(quiet_until=now + MINUTE))
        fold_all(store)

    return write
