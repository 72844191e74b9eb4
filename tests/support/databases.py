"""Empty databases on the tests' own PostgreSQL, and what a sweep does to any."""

from __future__ import annotations

from itertools import count

import psycopg

from orchestrator.adapters.sql import SqlStore
from orchestrator.ports import Transaction

_numbers = count()


def create_database(server: str) -> str:
    """Create a database on the server at that URL, and return its own URL."""
    name = f"test{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


def beat(store: SqlStore) -> None:
    """A sweep sees that the database takes a write: leases that have ended lapse."""

    def write(tx: Transaction) -> None:
        tx.heartbeat.beat(tx.heartbeat.last(), tx.now())

    store.transact(write)
