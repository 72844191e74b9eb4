"""Databases for the tests of adapters: each test has an empty one, with the newest schema."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import create_database, empty, migrated_database

from orchestrator.adapters.sql import Cipher, SqlStore, make_store, migrate
from orchestrator.jobs import Job


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a database without rows."""
    url: str = request.getfixturevalue(f"{request.param}_database")
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def bare_database(request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables."""
    url: str = request.getfixturevalue(f"bare_{request.param}_database")
    return url


@pytest.fixture
def cipher() -> Cipher:
    return Cipher("a secret")


@pytest.fixture
def sent() -> list[Job]:
    """The jobs that the store published."""
    return []


@pytest.fixture
def store(database: str, cipher: Cipher, sent: list[Job]) -> Iterator[SqlStore]:
    made = make_store(database, publish=sent.append, cipher=cipher)
    yield made
    made.dispose()


@pytest.fixture
def bare_sqlite_database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bare.db"


@pytest.fixture
def sqlite_database(tmp_path: Path, migrated_file: Path) -> str:
    shutil.copy(migrated_file, tmp_path / "test.db")
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def bare_postgres_database(postgres_server: str) -> str:
    return create_database(postgres_server)


@pytest.fixture
def postgres_database(migrated_postgres: str) -> str:
    empty(migrated_postgres)
    return migrated_postgres


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    return migrated_database(postgres_server)
