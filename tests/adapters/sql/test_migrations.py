from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

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
