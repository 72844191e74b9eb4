"""Empty databases on the tests' own PostgreSQL, and what a sweep does to any."""

from __future__ import annotations

from functools import cache
from itertools import count

import psycopg
from sqlalchemy import make_url

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.ports import Transaction

_numbers = count()


def create_database(server: str) -> str:
    """Create a database on the server at that URL, and return its own URL."""
    name = f"test{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@cache
def _template(server: str) -> str:
    """The name of a database with the newest schema, to be copied: that costs a tenth."""
    url = create_database(server)
    upgrade(url)
    return str(make_url(url).database)


def migrated_database(server: str) -> str:
    """Create a database with the newest schema on the server at that URL, and return its URL."""
    template, name = _template(server), f"test{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.replace("/postgres?", f"/{name}?")


def beat(store: SqlStore) -> None:
    """A sweep sees that the database takes a write: leases that have ended lapse."""

    def write(tx: Transaction) -> None:
        tx.sweeps.beat(tx.sweeps.last_beat(), tx.now())

    store.transact(write)
