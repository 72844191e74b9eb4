from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import create_database
from processes import came_true
from sqlalchemy import Engine, inspect, make_url, text

from orchestrator.adapters.sql import migrate
from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.sql.schema import metadata
from orchestrator.errors import Invalid


@pytest.fixture
def engine(bare_database: str) -> Iterator[Engine]:
    made = make_engine(bare_database)
    yield made
    made.dispose()


def test_the_migrated_schema_is_the_one_that_the_code_expects(
    bare_database: str, engine: Engine
) -> None:
    migrate.upgrade(bare_database)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_partial_indexes_have_the_conditions_that_the_code_expects(
    bare_database: str, engine: Engine
) -> None:
    migrate.upgrade(bare_database)
    migrated = conditions(engine)
    migrate.downgrade(bare_database, "base")
    metadata.create_all(engine)

    assert migrated == conditions(engine)
    assert len(migrated) == 36


def conditions(engine: Engine) -> dict[str, Any]:
    """The conditions of the partial indexes, by name."""
    option = f"{engine.dialect.name}_where"
    tables = inspect(engine)
    return {
        str(index["name"]): str(index["dialect_options"][option])
        for name in metadata.tables
        for index in tables.get_indexes(name)
        if option in index.get("dialect_options", {})
    }


def test_a_schema_goes_up_and_down_and_up_again(bare_database: str, engine: Engine) -> None:
    assert migrate.current(bare_database) is None

    migrate.upgrade(bare_database)
    migrate.downgrade(bare_database, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]

    migrate.upgrade(bare_database)
    assert migrate.current(bare_database) == migrate.head()


def test_an_upgrade_of_what_is_up_to_date_does_nothing(bare_database: str) -> None:
    migrate.upgrade(bare_database)
    migrate.upgrade(bare_database)

    assert migrate.current(bare_database) == migrate.head()


def test_what_a_newer_version_upgraded_is_left_as_it_is(bare_database: str, engine: Engine) -> None:
    migrate.upgrade(bare_database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    migrate.upgrade(bare_database)

    assert migrate.current(bare_database) == "9999"
    with pytest.raises(Invalid, match="9999"):
        migrate.downgrade(bare_database, "0030")


def test_a_revision_that_there_is_not_is_named(bare_database: str) -> None:
    with pytest.raises(Invalid, match="nonsense"):
        migrate.upgrade(bare_database, "nonsense")


def test_several_may_upgrade_at_once(bare_database: str, race: Callable[..., list[None]]) -> None:
    race(lambda: migrate.upgrade(bare_database))

    assert migrate.current(bare_database) == migrate.head()


@pytest.fixture
def on_postgres(postgres_server: str) -> str:
    """The URL of a database of the revision before one that changes a table."""
    url = create_database(postgres_server)
    migrate.upgrade(url, "0030")
    return url


def waits(url: str, kind: str) -> bool:
    """Whether somebody there waits for such a lock."""
    with psycopg.connect(url) as connection:
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = %s"
        return connection.execute(waiting, [kind]).fetchone() is not None


@pytest.mark.postgres
@pytest.mark.timeout(60)
def test_who_reads_does_not_wait_for_an_upgrade_that_waits_for_a_long_dump(
    on_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "PAUSE", 0.1)
    read = "SELECT * FROM sign_in_links"
    upgrading = threading.Thread(target=migrate.upgrade, args=(on_postgres,))
    with psycopg.connect(on_postgres) as dump, psycopg.connect(on_postgres) as other:
        dump.execute(read)
        upgrading.start()
        assert came_true(lambda: waits(on_postgres, "relation"), 20)
        other.execute("SET lock_timeout = '10s'")
        other.execute(read)
    upgrading.join()
    assert migrate.current(on_postgres) == migrate.head()


@pytest.mark.postgres
@pytest.mark.timeout(60)
def test_limits_of_the_server_end_no_upgrade(on_postgres: str, postgres_server: str) -> None:
    name = make_url(on_postgres).database
    with psycopg.connect(postgres_server, autocommit=True) as server:
        for limit in ("statement_timeout", "lock_timeout"):
            server.execute(f"ALTER DATABASE {name} SET {limit} = '300ms'")
        waits_long = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' "
            "AND clock_timestamp() - query_start > '400 ms'"
        )
        upgrading = threading.Thread(target=migrate.upgrade, args=(on_postgres,))
        with psycopg.connect(on_postgres) as other:
            other.execute(f"SELECT pg_advisory_xact_lock({migrate._ADVISORY_LOCK})")
            upgrading.start()
            came_true(lambda: server.execute(waits_long).fetchone(), 5)
    upgrading.join()
    assert migrate.current(on_postgres) == migrate.head()
