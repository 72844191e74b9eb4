"""Faults of the broker and the database: gone, slow, cut off on one side, emptied."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from functools import partial

from battle import Battle
from fault_table import POSTGRES, SQLITE, fault
from servers import OwnPostgres

A_MOMENT = 5.0
BY_SWEEP = "the sweep publishes again what is due"


@fault("the broker is emptied", "FLUSHALL with jobs in the queues", BY_SWEEP, short=True)
def flushed(battle: Battle) -> Iterator[None]:
    battle.begin_meanwhile(["crew", "plain_flow", "crew"])
    battle.all_begun()
    battle.service.own_broker.client.flushall()
    yield


@fault("the broker is restarted", "SIGKILL, away for 5 s, started on its file", BY_SWEEP)
def broker_restarted(battle: Battle) -> Iterator[None]:
    broker = battle.service.own_broker
    broker.kill()
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    time.sleep(A_MOMENT)
    broker.start()
    yield


@fault("the broker is frozen", "SIGSTOP for 5 s, then SIGCONT", BY_SWEEP)
def broker_frozen(battle: Battle) -> Iterator[None]:
    broker = battle.service.own_broker
    broker.suspend(signal.SIGSTOP)
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    time.sleep(A_MOMENT)
    broker.suspend(signal.SIGCONT)
    yield


def cut_off(way: str, battle: Battle) -> Iterator[None]:
    """What one side says to a server is refused, then not answered."""
    proxy = battle.service.ways[way]
    proxy.refuse()
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    time.sleep(A_MOMENT)
    proxy.heal()
    proxy.fall_silent()
    time.sleep(A_MOMENT)
    proxy.heal()
    yield


for _way, _side in (("crews-broker", "crew workers"), ("broker", "all but crew workers")):
    fault(
        f"the broker is unreachable for {_side}",
        "a proxy refuses for 5 s, then says nothing for 5 s",
        "rows wait; the sweep publishes once it can",
    )(partial(cut_off, _way))
for _way, _side, _ends in (
    ("crews-database", "crew workers", "results are held; those whose lease lapsed run again"),
    ("database", "all but crew workers", "callers get 503 and ask again"),
):
    fault(
        f"the database is unreachable for {_side}",
        "a proxy refuses for 5 s, then says nothing for 5 s",
        _ends,
        databases=(POSTGRES,),
    )(partial(cut_off, _way))


@fault("the broker is slow", "a proxy holds each packet back for 0.3 s", "all takes longer")
def slow_broker(battle: Battle) -> Iterator[None]:
    ways = [battle.service.ways[name] for name in ("broker", "crews-broker")]
    for way in ways:
        way.slow_down(0.3)
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    battle.all_begun()
    yield
    for way in ways:
        way.heal()


@fault(
    "the database is slow",
    "a proxy holds each packet back for 0.05 s",
    "all takes longer",
    databases=(POSTGRES,),
)
def slow_database(battle: Battle) -> Iterator[None]:
    ways = [battle.service.ways[name] for name in ("database", "crews-database")]
    for way in ways:
        way.slow_down(0.05)
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    battle.all_begun()
    yield
    for way in ways:
        way.heal()


def _postgres(battle: Battle) -> OwnPostgres:
    server = battle.service.own_postgres
    assert server is not None
    return server


@fault(
    "PostgreSQL is restarted",
    "pg_ctl restart, fast",
    "whoever was in a transaction does it again",
    databases=(POSTGRES,),
)
def postgres_restarted(battle: Battle) -> Iterator[None]:
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    _postgres(battle).stop()
    _postgres(battle).start()
    yield


@fault(
    "PostgreSQL crashes",
    "pg_ctl stop, immediate; it recovers from its log",
    "what was committed stands",
    databases=(POSTGRES,),
)
def postgres_crashes(battle: Battle) -> Iterator[None]:
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    _postgres(battle).stop("immediate")
    _postgres(battle).start()
    yield


@fault(
    "connections are cut",
    "pg_terminate_backend of all, twenty times in 4 s",
    "transactions are done again",
    databases=(POSTGRES,),
)
def connections_cut(battle: Battle) -> Iterator[None]:
    battle.begin_meanwhile(["crew", "plain_flow", "crew"])
    battle.release()
    for _ in range(20):
        _postgres(battle).cut_connections()
        time.sleep(0.2)
    yield


@fault(
    "serialization errors",
    "all transactions are SERIALIZABLE, so that PostgreSQL aborts those that overlap",
    "transactions are done again",
    databases=(POSTGRES,),
)
def serialization_errors(battle: Battle) -> Iterator[None]:
    level = "ALTER DATABASE hurt SET default_transaction_isolation"
    _postgres(battle).execute(f"{level} = 'serializable'")
    _postgres(battle).cut_connections()
    battle.begin_meanwhile(["crew", "plain_flow", "crew", "plain_flow"])
    battle.release()
    battle.all_begun()
    time.sleep(A_MOMENT)
    yield
    _postgres(battle).execute("ALTER DATABASE hurt RESET default_transaction_isolation")
    _postgres(battle).cut_connections()


def postgres_away(seconds: float, battle: Battle) -> Iterator[None]:
    """Tasks end meanwhile, and their results wait to be written."""
    battle.client.seconds += seconds
    _postgres(battle).stop()
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    time.sleep(seconds)
    _postgres(battle).start()
    yield


def sqlite_locked(seconds: float, battle: Battle) -> Iterator[None]:
    """Another program holds the file's only lock: nobody writes."""
    battle.client.seconds += seconds
    database = sqlite3.connect(battle.service.data / "orchestrator.db", isolation_level=None)
    database.execute("PRAGMA busy_timeout = 10000")
    database.execute("BEGIN IMMEDIATE")
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    time.sleep(seconds)
    database.execute("ROLLBACK")
    database.close()
    yield


for _seconds, _said in ((5.0, "5 s"), (60.0, "60 s"), (900.0, "15 minutes")):
    fault(
        f"the database is away for {_said}",
        "PostgreSQL is stopped while tasks end",
        "results are held, then written: nothing runs again",
        databases=(POSTGRES,),
        seldom=_seconds > 60,
    )(partial(postgres_away, _seconds))
    fault(
        f"the database is locked for {_said}",
        "another program holds SQLite's lock while tasks end",
        "results are held, then written: nothing runs again",
        databases=(SQLITE,),
        seldom=_seconds > 60,
    )(partial(sqlite_locked, _seconds))
