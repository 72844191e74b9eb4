"""Empty databases on the tests' own PostgreSQL."""

from __future__ import annotations

from itertools import count

import psycopg

_numbers = count()


def create_database(server: str) -> str:
    """Create a database on the server at that URL, and return its own URL."""
    name = f"test{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")
