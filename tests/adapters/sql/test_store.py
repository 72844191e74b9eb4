from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest
import structlog

from orchestrator.adapters.sql import Cipher, SqlStore, make_store
from orchestrator.adapters.sql.repetition import TRIES
from orchestrator.adapters.sql.store import SqlTransaction
from orchestrator.domain.execution import Execution
from orchestrator.errors import DatabaseAway, StaleWrite
from orchestrator.jobs import Job, drain
from orchestrator.ports import Transaction


class PowerCut(Exception):
    """The process ended here."""


@pytest.fixture
def make(database: str, cipher: Cipher) -> Iterator[Callable[..., SqlStore]]:
    made: list[SqlStore] = []

    def build(**parts: Callable[..., None]) -> SqlStore:
        made.append(make_store(database, cipher=cipher, **{"publish": print, **parts}))
        return made[-1]

    yield build
    for each in made:
        each.dispose()


def test_jobs_are_published_after_the_commit(
    make: Callable[..., SqlStore], store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    execution = new_execution()
    seen: list[Execution | None] = []

    def look(_job: Job) -> None:
        seen.append(store.read(lambda tx: tx.executions.get(execution.id)))

    def work(tx: Transaction) -> None:
        tx.publish(drain("e"))
        tx.executions.add(execution)

    make(publish=look).transact(work)

    assert seen == [execution]


def test_jobs_are_published_in_their_order(store: SqlStore, sent: list[Job]) -> None:
    jobs = [drain("c"), drain("a"), drain("b")]

    store.transact(lambda tx: [tx.publish(job) for job in jobs])

    assert sent == jobs


def test_nothing_is_published_or_kept_of_what_was_rolled_back(
    store: SqlStore, sent: list[Job], new_execution: Callable[..., Execution]
) -> None:
    execution = new_execution()

    def work(tx: Transaction) -> NoReturn:
        tx.executions.add(execution)
        tx.publish(drain("e"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transact(work)

    assert sent == []
    assert store.read(lambda tx: tx.executions.get(execution.id)) is None


def test_only_the_try_that_was_committed_publishes(store: SqlStore, sent: list[Job]) -> None:
    tries: list[int] = []

    def work(tx: Transaction) -> str:
        tries.append(1)
        tx.publish(drain(str(len(tries))))
        if len(tries) < 3:
            raise StaleWrite
        return "done"

    assert store.transact(work) == "done"
    assert sent == [drain("3")]


def test_a_race_that_is_lost_every_time_is_given_up(store: SqlStore) -> None:
    tries: list[int] = []

    def work(_tx: Transaction) -> NoReturn:
        tries.append(1)
        raise StaleWrite

    with pytest.raises(StaleWrite):
        store.transact(work)

    assert len(tries) == TRIES


def test_a_broker_that_is_away_undoes_nothing(
    make: Callable[..., SqlStore], new_execution: Callable[..., Execution]
) -> None:
    execution = new_execution()

    def away(_job: Job) -> None:
        raise ConnectionRefusedError

    def work(tx: Transaction) -> bool:
        tx.publish(drain("e"))
        return tx.executions.add(execution)

    with structlog.testing.capture_logs() as logs:
        assert make(publish=away).transact(work)

    assert [(line["event"], line["endpoint_id"]) for line in logs] == [
        ("job was not published", "e")
    ]


def test_a_crash_after_the_commit_loses_the_message_and_nothing_else(
    make: Callable[..., SqlStore], sent: list[Job], new_execution: Callable[..., Execution]
) -> None:
    execution = new_execution()

    def crash(place: str) -> None:
        if place == "after-commit":
            raise PowerCut(place)

    def work(tx: Transaction) -> None:
        tx.publish(drain("e"))
        tx.executions.add(execution)

    store = make(publish=sent.append, crash_point=crash)
    with pytest.raises(PowerCut, match="after-commit"):
        store.transact(work)

    assert sent == []
    assert store.read(lambda tx: tx.executions.get(execution.id)) == execution


def test_a_reader_sees_one_moment_and_keeps_no_writer_waiting(
    store: SqlStore, execution: Execution
) -> None:
    def save() -> None:
        store.transact(lambda tx: tx.executions.save(execution, replace(execution, sequence=1)))

    def work(tx: Transaction) -> tuple[Execution | None, ...]:
        before = tx.executions.get(execution.id)
        writer = threading.Thread(target=save)
        writer.start()
        writer.join()
        return before, tx.executions.get(execution.id)

    assert store.read(work) == (execution, execution)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.postgres
def test_reading_transactions_do_not_write(
    store: SqlStore, new_execution: Callable[..., Execution]
) -> None:
    with pytest.raises(DatabaseAway) as refused:
        store.read(lambda tx: tx.executions.add(new_execution()))
    assert "read-only transaction" in str(refused.value.__cause__)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.postgres
def test_only_what_need_not_be_durable_does_not_wait_for_the_disk(store: SqlStore) -> None:
    def asked(tx: Transaction) -> object:
        assert isinstance(tx, SqlTransaction)
        return tx.connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()

    told = [store.transact(asked, durable=durable) for durable in (False, True, False)]

    assert told == ["off", "on", "off"]


def test_the_clock_of_the_database_is_read_in_utc(store: SqlStore) -> None:
    read = store.read(lambda tx: tx.now())

    assert read.tzinfo is UTC
    assert abs(read - datetime.now(UTC)) < timedelta(minutes=5)


def test_nothing_is_connected_before_the_store_is_used(cipher: Cipher) -> None:
    make_store("postgresql://nobody@127.0.0.1:1/none", publish=print, cipher=cipher).dispose()


def test_a_forked_child_has_connections_of_its_own(store: SqlStore, execution: Execution) -> None:
    child = os.fork()
    if not child:
        try:
            found = store.read(lambda tx: tx.executions.get(execution.id))
            os._exit(0 if found == execution else 1)
        finally:
            os._exit(2)

    assert os.waitpid(child, 0)[1] == 0
    assert store.read(lambda tx: tx.executions.get(execution.id)) == execution
