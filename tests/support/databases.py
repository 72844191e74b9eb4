"""Empty databases on the tests' own PostgreSQL, and what a sweep does to any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count

import psycopg
from sqlalchemy import make_url

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.adapters.sql.schema import metadata
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


@contextmanager
def lent_database(server: str) -> Iterator[str]:
    """The URL of a database as it is after the migrations, for one test: the next gets the same.

    To empty one costs a thirtieth of what it costs to create one.
    """
    free, seeds = _lent(server)
    url = free.pop() if free else migrated_database(server)
    yield url
    empty(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for table, rows in seeds.items():
            values = ", ".join(["%s"] * len(rows[0]))
            insert = f"INSERT INTO {table} VALUES ({values})"  # noqa: S608 - our own tables
            connection.cursor().executemany(insert, rows)
    free.append(url)


@cache
def _lent(server: str) -> tuple[list[str], dict[str, list[tuple[object, ...]]]]:
    """The databases that nobody has, and the rows that the migrations made."""
    url = migrated_database(server)
    with psycopg.connect(url, autocommit=True) as connection:
        found = {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - the same
            for table in metadata.tables
        }
    return [url], {table: rows for table, rows in found.items() if rows}


def empty(url: str) -> None:
    """Take all rows out of a database, and throw out whoever is still connected.

    TRUNCATE costs ten times as much.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("SET session_replication_role = replica")  # no triggers, no references
        deletes = [f"DELETE FROM {table}" for table in metadata.tables]  # noqa: S608 - the same
        connection.execute(";".join(deletes))
        connection.execute(
            "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
        )


def beat(store: SqlStore) -> None:
    """A sweep sees that the database takes a write: leases that have ended lapse."""

    def write(tx: Transaction) -> None:
        tx.sweeps.beat(tx.sweeps.last_beat(), tx.now())

    store.transact(write)
