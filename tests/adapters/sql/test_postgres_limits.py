"""What PostgreSQL does not answer, or refuses to do just now, ends in time as an outage."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event

import psycopg
import pytest
from silent_proxy import SilentProxy
from sqlalchemy import text

from orchestrator.adapters.sql import Cipher, ConnectionLimits, SqlStore, make_store
from orchestrator.adapters.sql.repetition import repeat
from orchestrator.errors import DatabaseAway
from orchestrator.ports import Transaction
from orchestrator.usecases.outage import retry_through_outage

pytestmark = pytest.mark.postgres

LIMITS = ConnectionLimits(connect=2, statement=0.5, lock=0.3, pool=0.3)


@pytest.fixture
def limits() -> ConnectionLimits:
    return LIMITS


@pytest.fixture
def proxy(postgres_database: str) -> Iterator[SilentProxy]:
    with SilentProxy(postgres_database) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: SilentProxy, cipher: Cipher, limits: ConnectionLimits) -> Iterator[SqlStore]:
    made = make_store(proxy.url, publish=print, cipher=cipher, limits=limits)
    made.transact(seen)
    yield made
    made.dispose()


def seen(tx: Transaction) -> None:
    tx.workers.seen("w-1", ["crews"])


def sleep(store: SqlStore, seconds: float) -> None:
    store.read(lambda tx: tx.workers._connection.execute(text(f"SELECT pg_sleep({seconds})")))  # type: ignore[attr-defined]


@pytest.mark.timeout(30)
def test_a_connection_that_falls_silent_is_told_as_a_database_that_is_away(
    store: SqlStore, proxy: SilentProxy
) -> None:
    proxy.fall_silent()
    with pytest.raises(DatabaseAway):
        store.transact(seen)


@pytest.mark.timeout(30)
def test_a_result_that_met_silence_is_written_over_a_new_connection(
    store: SqlStore, proxy: SilentProxy
) -> None:
    proxy.fall_silent()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        proxy.speak()

    retry_through_outage(lambda: store.transact(lambda tx: tx.workers.gone("w-1")), pause)
    assert len(pauses) == 1


@pytest.mark.timeout(30)
def test_connecting_to_a_server_that_says_nothing_ends_in_time(
    store: SqlStore, proxy: SilentProxy
) -> None:
    store.dispose()
    proxy.fall_silent()
    with pytest.raises(DatabaseAway):
        store.read(lambda tx: tx.workers.consuming("crews", timedelta(hours=1)))


def test_a_statement_that_takes_too_long_is_told_as_a_database_that_is_away(
    store: SqlStore,
) -> None:
    with pytest.raises(DatabaseAway):
        sleep(store, 20)


@pytest.mark.timeout(30)
def test_a_lock_that_is_held_for_too_long_is_told_as_a_database_that_is_away(
    store: SqlStore, postgres_database: str
) -> None:
    with psycopg.connect(postgres_database) as other:
        other.execute("SELECT * FROM workers FOR UPDATE")
        with pytest.raises(DatabaseAway):
            store.transact(seen)
    store.transact(seen)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("limits", [replace(LIMITS, statement=20)])
def test_a_pool_without_a_free_connection_is_told_as_a_database_that_is_away(
    store: SqlStore,
) -> None:
    held, free = [Event() for _ in range(15)], Event()

    def hold(mine: Event) -> None:
        store.read(lambda _: (mine.set(), free.wait(20)))

    with ThreadPoolExecutor(15) as threads:
        for mine in held:
            threads.submit(hold, mine)
        try:
            assert all(mine.wait(10) for mine in held)
            with pytest.raises(DatabaseAway):
                store.transact(seen)
        finally:
            free.set()


def test_a_server_that_takes_no_writes_is_told_as_one_that_is_away_and_left(
    store: SqlStore, postgres_database: str
) -> None:
    name = postgres_database.partition("?")[0].rpartition("/")[2]

    def takes_writes(answer: str) -> None:
        with psycopg.connect(postgres_database, autocommit=True) as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {answer}")

    takes_writes("on")
    try:
        store.dispose()
        with pytest.raises(DatabaseAway):
            store.transact(seen)
    finally:
        takes_writes("off")
    store.transact(seen)  # over a connection of its own: the one that was refused is gone


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.IdleInTransactionSessionTimeout,
        psycopg.errors.DiskFull,
        psycopg.errors.TooManyConnections,
        psycopg.errors.QueryCanceled,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.AdminShutdown,
        psycopg.errors.CannotConnectNow,
        psycopg.errors.ConnectionFailure,
        psycopg.errors.IoError,
    ],
)
def test_what_a_server_says_of_itself_is_an_outage_whatever_class_it_comes_in(
    store: SqlStore, error: type[psycopg.Error]
) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{error.sqlstate}'; END $$"
    with pytest.raises(DatabaseAway):
        store.transact(lambda tx: tx.workers._connection.exec_driver_sql(raising))  # type: ignore[attr-defined]


def test_a_fault_of_the_work_is_not_told_as_an_outage() -> None:
    def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        repeat(work)
