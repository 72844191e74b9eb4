"""Statements that go to PostgreSQL together: as safe as one after the other."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
from processes import SECONDS_TO_WORK, came_true
from sqlalchemy import Integer, column, event, literal, select, table
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.store import SqlTransaction
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.execution import Execution
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import StaleWrite
from orchestrator.ports import Transaction

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("database", ["postgres"], indirect=True),
]


@pytest.fixture(params=["together", "one by one"], autouse=True)
def _pipelines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A libpq that is older than PostgreSQL 14 sends what waited one by one."""
    if request.param == "one by one":
        monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: False)


class GaveUpError(Exception):
    """The work itself failed."""


def read(store: SqlStore, execution_id: str) -> Execution | None:
    return store.read(lambda tx: tx.executions.get(execution_id))


@pytest.mark.parametrize("more", [0, 1, 20])
def test_an_error_is_that_of_the_statement_that_failed(
    store: SqlStore, execution: Execution, new_execution: Callable[..., Execution], more: int
) -> None:
    def work(tx: Transaction) -> None:
        tx.executions.add_new([execution])
        for _ in range(more):
            tx.executions.add_new([new_execution()])
        tx.executions.get(execution.id)

    with pytest.raises(IntegrityError, match="pk_executions"):
        store.transact(work)


def test_an_error_at_the_commit_is_told_as_well(store: SqlStore, execution: Execution) -> None:
    with pytest.raises(IntegrityError, match="pk_executions"):
        store.transact(lambda tx: tx.executions.add_new([execution]))


@pytest.mark.parametrize("reads_on", [False, True])
def test_nothing_is_kept_of_a_transaction_that_wrote_over_what_had_changed(
    store: SqlStore,
    execution: Execution,
    new_execution: Callable[..., Execution],
    now: datetime,
    *,
    reads_on: bool,
) -> None:
    other = new_execution()
    store.transact(lambda tx: tx.executions.save(execution, replace(execution, sequence=1)))

    def work(tx: Transaction) -> None:
        tx.executions.add_new([other])
        tx.executions.save(execution, execution.start(now))
        if reads_on:
            tx.executions.get(execution.id)

    with pytest.raises(StaleWrite):
        store.transact(work)
    assert read(store, other.id) is None


def test_what_was_never_sent_is_forgotten_with_its_transaction(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    given_up, kept = new_execution(), new_execution()

    def work(tx: Transaction) -> None:
        tx.executions.add_new([given_up])
        raise GaveUpError

    with pytest.raises(GaveUpError):
        store.transact(work)
    store.transact(lambda tx: tx.executions.add_new([kept]))

    assert read(store, given_up.id) is None
    assert read(store, kept.id) == kept


def test_a_transaction_that_says_nothing_is_not_even_begun(store: SqlStore, database: str) -> None:
    backend = store.transact(backend_of)
    asked = told_of(database, backend)
    assert store.transact(lambda _: "done") == "done"
    assert store.read(lambda _: "seen") == "seen"
    assert told_of(database, backend) == asked


def test_a_lost_race_is_told_whatever_fails_behind_it(
    store: SqlStore, execution: Execution, now: datetime
) -> None:
    store.transact(lambda tx: tx.executions.save(execution, replace(execution, sequence=1)))

    def work(tx: Transaction) -> None:
        assert isinstance(tx, SqlTransaction)
        tx.executions.save(execution, execution.start(now))
        tx.connection.exec_driver_sql("SELECT 1 / 0")

    with pytest.raises(StaleWrite):
        store.transact(work)


def test_what_is_only_written_is_sent_with_what_is_read(
    store: SqlStore, database: str, new_execution: Callable[..., Execution]
) -> None:
    states = []

    def work(tx: Transaction) -> None:
        tx.executions.add_new([new_execution()])
        states.append(told_of(database, backend_of(tx))[0])
        tx.executions.get("x")
        states.append(told_of(database, backend_of(tx))[0])

    store.transact(work)
    assert states == ["idle", "idle in transaction"]


def test_what_is_asked_is_sent_with_what_is_read_next(
    store: SqlStore, database: str, execution: Execution, run: TaskRun
) -> None:
    told = []

    def work(tx: Transaction) -> tuple[Execution | None, TaskRun | None]:
        backend = backend_of(tx)
        asked = tx.executions.defer_lock(execution.id)
        told.append(told_of(database, backend))
        found = tx.task_runs.get(run.id)
        told.append(told_of(database, backend))
        locked = asked()
        told.append(told_of(database, backend))
        return locked, found

    assert store.transact(work) == (execution, run)
    (before, _), (at_read, read_at), (_, at_the_end) = told
    assert (before, at_read) == ("idle", "idle in transaction")
    assert read_at == at_the_end, "the lock was asked about again"


def test_what_is_asked_and_read_at_once_goes_alone(
    store: SqlStore, execution: Execution, run: TaskRun
) -> None:
    assert store.transact(lambda tx: tx.executions.defer_lock(execution.id)()) == execution
    assert store.read(lambda tx: tx.task_runs.defer(run.id)()) == run
    assert store.read(lambda tx: tx.task_runs.defer_of(execution.id)()) == (run,)
    assert store.transact(lambda tx: tx.executions.defer_lock("nobody's")()) is None


def test_what_is_asked_sees_what_was_written_before_it(
    store: SqlStore, execution: Execution, run: TaskRun, now: datetime
) -> None:
    def work(tx: Transaction) -> tuple[TaskRun, ...]:
        asked_before = tx.task_runs.defer_of(execution.id)
        tx.task_runs.save(run, run.claim("w", now, now))
        asked_after = tx.task_runs.defer_of(execution.id)
        tx.executions.get(execution.id)
        return (*asked_before(), *asked_after())

    before, after = store.transact(work)
    assert (before, after.state) == (run, TaskRunState.RUNNING)


def test_what_is_too_much_for_the_network_at_once_goes_both_ways(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    first, second = (new_execution(inputs={"topic": "tides " * 2_000_000}) for _ in range(2))
    store.transact(lambda tx: tx.executions.add_new([first]))

    def work(tx: Transaction) -> Execution | None:
        asked = tx.executions.defer_lock(first.id)
        tx.executions.add_new([second])
        tx.executions.get("x")
        return asked()

    assert store.transact(work) == first
    assert read(store, second.id) == second


def test_what_waits_is_not_waited_for_one_by_one(
    store: SqlStore, new_execution: Callable[..., Execution], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[object] = []

    def wait(connection: Any, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        return usual(connection, counted(gen, waited), *args, **kwargs)

    def waits_for(number: int) -> int:
        waited.clear()
        store.transact(lambda tx: tx.executions.add_new([new_execution() for _ in range(number)]))
        return len(waited)

    usual = psycopg.Connection.wait
    monkeypatch.setattr(psycopg.Connection, "wait", wait)
    waits_for(10)  # the server keeps the plan
    assert (waits_for(1) == waits_for(10)) is psycopg.Pipeline.is_supported()


def test_what_failed_or_stood_behind_it_can_be_asked_again(
    store: SqlStore, execution: Execution
) -> None:
    asked_behind = Prepared(select(literal(7, Integer)))

    def fail(tx: Transaction) -> None:
        assert isinstance(tx, SqlTransaction)
        later_there.defer(tx.connection, {})
        asked_behind.all(tx.connection, {})

    later_there = Prepared(select(table("later_there", column("id", Integer)).c.id))
    for _ in range(2):
        with pytest.raises(ProgrammingError, match="later_there"):
            store.transact(fail)

    def work(tx: Transaction) -> tuple[list[Any], list[Any]]:
        assert isinstance(tx, SqlTransaction)
        tx.connection.exec_driver_sql(
            "CREATE TEMP TABLE later_there ON COMMIT DROP AS SELECT 3 AS id"
        )
        return later_there.all(tx.connection, {}), asked_behind.all(tx.connection, {})

    assert store.transact(work) == ([(3,)], [(7,)])


def test_why_the_server_hung_up_is_told(store: SqlStore, database: str) -> None:
    asked = Prepared(select(table("reviews", column("id")).c.id))
    hang_up = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"

    def end_who_waits() -> None:
        assert came_true(lambda: somebody_waits(database), SECONDS_TO_WORK)
        with psycopg.connect(database, autocommit=True) as another:
            another.execute(hang_up)

    with psycopg.connect(database) as other, ThreadPoolExecutor(1) as threads:
        other.execute("LOCK TABLE reviews")
        threads.submit(end_who_waits)
        with (
            pytest.raises(OperationalError, match="administrator command") as told,
            store._writer.begin() as connection,
        ):
            asked.all(connection, {})
    assert told.value.connection_invalidated


def test_what_the_server_keeps_outlasts_a_rollback(store: SqlStore, execution: Execution) -> None:
    def work(tx: Transaction) -> None:
        assert isinstance(tx, SqlTransaction)
        assert tx.executions.get(execution.id)
        for _ in range(10):
            tx.connection.exec_driver_sql("SELECT %s::integer", (1,))
        raise GaveUpError

    for _ in range(2):
        with pytest.raises(GaveUpError):
            store.transact(work)


@pytest.mark.parametrize("is_compiled", [True, False])
def test_a_connection_whose_answer_nobody_took_is_not_used_again(
    store: SqlStore, database: str, execution: Execution, now: datetime, *, is_compiled: bool
) -> None:
    def work(tx: Transaction) -> None:
        assert isinstance(tx, SqlTransaction)
        tx.executions.save(execution, execution.start(now))
        if is_compiled:
            tx.executions.get(execution.id)
        tx.connection.exec_driver_sql("LOCK TABLE reviews")

    def give_up(*_: object) -> None:
        raise GaveUpError

    def interrupt() -> None:
        assert came_true(lambda: somebody_waits(database), SECONDS_TO_WORK)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    usual = signal.signal(signal.SIGUSR1, give_up)
    with psycopg.connect(database) as other, ThreadPoolExecutor(1) as threads:
        other.execute(f"LOCK TABLE {'executions' if is_compiled else 'reviews'}")
        threads.submit(interrupt)
        with pytest.raises(GaveUpError):
            store.transact(work)
    signal.signal(signal.SIGUSR1, usual)

    assert read(store, execution.id) == execution


def test_what_is_asked_and_never_read_is_nobodys_trouble(
    store: SqlStore, execution: Execution, new_execution: Callable[..., Execution]
) -> None:
    written = new_execution()

    def work(tx: Transaction) -> None:
        tx.executions.defer_lock(execution.id)
        tx.executions.add_new([written])

    store.transact(work)
    assert read(store, written.id) == written


@pytest.mark.parametrize("is_watched", [False, True])
def test_what_is_read_with_a_lock_is_read_behind_it(
    store: SqlStore,
    database: str,
    execution: Execution,
    run: TaskRun,
    now: datetime,
    *,
    is_watched: bool,
) -> None:
    if is_watched:  # as tracers do
        event.listen(store._writer, "before_cursor_execute", lambda *_: None)

    def work(tx: Transaction) -> tuple[Execution | None, TaskRun | None]:
        asked = tx.executions.defer_lock(execution.id)
        found = tx.task_runs.get(run.id)
        return asked(), found

    def hold(tx: Transaction) -> tuple[Execution, TaskRun]:
        locked = tx.executions.lock(execution.id)
        assert locked
        begun.append(threads.submit(store.transact, work))
        assert came_true(lambda: somebody_waits(database), SECONDS_TO_WORK)
        claimed = tx.task_runs.save(run, run.claim("w", now, now))
        return tx.executions.save(locked, locked.start(now)), claimed

    begun: list[Future[tuple[Execution | None, TaskRun | None]]] = []
    with ThreadPoolExecutor(1) as threads:
        written = store.transact(hold)
        assert begun[0].result() == written


@pytest.mark.parametrize(
    "read_first", [lambda tx, at: tx.executions.lock(at), lambda tx, _: tx.manifests.get("news")]
)
def test_the_time_comes_with_what_is_read_first(
    store: SqlStore,
    database: str,
    execution: Execution,
    now: datetime,
    read_first: Callable[[Transaction, str], object],
) -> None:
    store.transact(lambda tx: tx.manifests.put(Manifest("news", None, "broken", now, "w", {})))

    def work(tx: Transaction) -> tuple[datetime, datetime, datetime]:
        backend = backend_of(tx)
        assert read_first(tx, execution.id)
        _, read_at = told_of(database, backend)
        at = tx.now()
        _, told_at = told_of(database, backend)
        return read_at, told_at, at

    read_at, told_at, at = store.transact(work)
    assert told_at == read_at, "it was asked for"
    assert at >= read_at


def counted(gen: Generator[Any, Any, Any], waited: list[object]) -> Generator[Any, Any, Any]:
    """The same, and each time that it waits for the network."""
    ready = None
    try:
        while True:
            waited.append(gen.send(ready))
            ready = yield waited[-1]
    except StopIteration as done:
        return done.value


def somebody_waits(database: str) -> bool:
    """Whether a transaction waits for a lock of another one."""
    with psycopg.connect(database) as other:
        row = other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return bool(row and row[0])


def backend_of(tx: Transaction) -> int:
    """The server's process for the connection of a transaction."""
    assert isinstance(tx, SqlTransaction)
    driver: Any = tx.connection.connection.driver_connection
    return int(driver.info.backend_pid)


def told_of(database: str, backend: int) -> tuple[str, datetime]:
    """What the server says of one of its processes: its state, and when it was told something."""
    with psycopg.connect(database) as other:
        query = "SELECT state, query_start FROM pg_stat_activity WHERE pid = %s"
        row = other.execute(query, (backend,)).fetchone()
    assert row is not None
    return row[0], row[1]
