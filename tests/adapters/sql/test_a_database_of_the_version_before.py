"""What lay waiting in a database of an earlier schema is carried on, in both databases."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, DateTime, MetaData
from world import World, world_over

from orchestrator.adapters.sql import migrate
from orchestrator.adapters.sql.engine import make_engine
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import Scope
from orchestrator.domain.plan import Plan
from orchestrator.domain.record import Counts, check
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.operations.record import read_record
from orchestrator.usecases.operations.sweep import sweep

STORED = json.loads((Path(__file__).parent / "data" / "schema_0004.json").read_text())
CASES: Mapping[str, str] = STORED["executions_by_case"]
NUMBERED = ("timeline", "number")
"""The column that the database counts up itself."""
SUCCEEDED = ExecutionState.SUCCEEDED


REVISIONS = sorted(
    each.revision for each in ScriptDirectory.from_config(migrate.config()).walk_revisions()
)
BY_PATH = "0008"
"""From this revision on checkpoints and task runs are written by path."""
CHAINED = "0020"
"""From this revision on an entry without a digest is a fault, and what is stored here has none."""

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def restore(url: str, revision: str = "0004", stored: Tables = STORED["tables"]) -> None:
    """Fill a database of a schema with the rows that its version wrote.

    Columns that this schema does not have yet are left out.
    """
    migrate.upgrade(url, revision)
    engine = make_engine(url)
    tables = MetaData()
    with engine.begin() as connection:
        tables.reflect(connection)
        for table in tables.sorted_tables:  # what others refer to comes first
            rows = stored.get(table.name, [])
            given = [each.name for each in table.c if (table.name, each.name) != NUMBERED]
            read = [
                {name: _value(table.c[name], row[name]) for name in given if name in row}
                for row in rows
            ]
            if read:
                connection.execute(table.insert(), read)
    engine.dispose()


@pytest.fixture(scope="session")
def by_path(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The same rows as versions from ``BY_PATH`` on write them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('by_path')}/rows.db"
    restore(url)
    migrate.upgrade(url, BY_PATH)
    engine = make_engine(url)
    tables = MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        found = {
            name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for name, table in tables.tables.items()
            if name in STORED["tables"]
        }
    engine.dispose()
    return found


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_what_waits_in_a_database_of_any_schema_is_finished(
    bare_sqlite_database: str, by_path: Tables, revision: str
) -> None:
    carry_on(bare_sqlite_database, by_path, revision)


@pytest.mark.postgres
@pytest.mark.parametrize("revision", [REVISIONS[0], BY_PATH, CHAINED, REVISIONS[-2]])
def test_what_waits_in_postgresql_is_finished(
    bare_postgres_database: str, by_path: Tables, revision: str
) -> None:
    carry_on(bare_postgres_database, by_path, revision)


def carry_on(database: str, by_path: Tables, revision: str) -> None:
    restore(database, revision, by_path if revision >= BY_PATH else STORED["tables"])
    migrate.upgrade(database)
    plans = [json.loads(row["body"]) for row in STORED["tables"]["plans"]]
    world = world_over(database, Plan.from_json(plans[0]))
    sweep(world.ports)
    world.work()
    waiting = ("first_round", "second_round", "half_joined", "edited_and_due", "just_kicked_off")
    ended = {case: finish(world, CASES[case]) for case in waiting}
    assert ended == dict.fromkeys(waiting, SUCCEEDED)
    once = Counter((each.execution_id, each.path, each.round) for each in world.runner.chains)
    assert set(once.values()) == {1}
    if revision < CHAINED:
        counts = Counts()
        assert list(check(read_record(world.ports.store), counts)) == []
        assert counts.earlier == len(STORED["tables"]["timeline"])
        assert counts.entries
    world.ports.store.dispose()


def _value(column: Column[Any], stored: Any) -> Any:
    """A value as the column takes it: what was stored is SQLite's."""
    if isinstance(stored, dict):
        return base64.b64decode(stored["base64"])
    if stored is not None and isinstance(column.type, Boolean):
        return bool(stored)
    if stored is not None and isinstance(column.type, DateTime):
        return datetime.fromisoformat(stored)
    return stored


@pytest.fixture
def world(bare_database: str) -> Iterator[World]:
    """The database, upgraded; its deployment has the plan that it had."""
    restore(bare_database)
    migrate.upgrade(bare_database)
    plans = [json.loads(row["body"]) for row in STORED["tables"]["plans"]]
    carried_on = world_over(bare_database, Plan.from_json(plans[0]))
    yield carried_on
    carried_on.ports.store.dispose()


def finish(world: World, execution_id: str) -> ExecutionState:
    """Approve whatever is asked, and work, until nothing is asked any more."""
    while pending := world.snapshot(execution_id).pending:
        world.answer(execution_id, pending[0].review.id, approve=True)
        world.work()
    return world.snapshot(execution_id).execution.state


def ran(world: World) -> list[str]:
    return [work.path for work in world.runner.chains]


def test_a_first_round_that_waits_is_answered_and_goes_on(world: World) -> None:
    assert finish(world, CASES["first_round"]) is SUCCEEDED
    assert ran(world) == ["left", "right", "print"]


def test_what_was_said_before_the_upgrade_reaches_the_next_round(world: World) -> None:
    world.answer(CASES["second_round"], "write", approve=False, words="still too long")
    world.work()
    said = [(each.words, each.round) for each in world.runner.chains[-1].previous_rounds]
    assert said == [("shorter", 1), ("still too long", 2)]
    assert finish(world, CASES["second_round"]) is SUCCEEDED


def test_a_join_that_waits_for_one_side_is_finished(world: World) -> None:
    assert finish(world, CASES["half_joined"]) is SUCCEEDED
    (last,) = world.runner.chains
    assert (last.path, [each.words for each in last.answers]) == (
        "print",
        ["fine", "left is good", ""],
    )


def test_a_text_edited_before_the_upgrade_is_the_output(world: World) -> None:
    sweep(world.ports)
    world.work()
    assert finish(world, CASES["edited_and_due"]) is SUCCEEDED
    outputs = {
        step.path: step.output.raw for step in world.snapshot(CASES["edited_and_due"]).committed
    }
    assert outputs["write"] == "My own text"


def test_what_failed_before_the_upgrade_is_retried(world: World) -> None:
    for case in ("failed", "expired_with_output"):
        retry_execution(world.ports, Scope.of("crew"), CASES[case], "tests")
        world.work()
        assert finish(world, CASES[case]) is SUCCEEDED


def test_what_had_ended_shows_what_it_showed(world: World) -> None:
    found = world.snapshot(CASES["succeeded"])
    names = [(step.path, step.seconds is not None) for step in found.committed]
    assert names == [(name, True) for name in ("research", "write", "left", "right", "print")]
    assert found.result is not None
    assert found.result.raw == "print, round 1"


def test_the_schema_goes_back_with_all_that_waits(bare_database: str) -> None:
    restore(bare_database)
    before = snapshots(bare_database)
    migrate.upgrade(bare_database)
    migrate.downgrade(bare_database, "0004")
    assert snapshots(bare_database) == before


def snapshots(url: str) -> list[tuple[Any, ...]]:
    """The checkpoints and numbers of tasks as schema 0004 has them."""
    engine = make_engine(url)
    with engine.connect() as connection:
        checkpoints = connection.exec_driver_sql(
            "SELECT execution_id, number, cause, format, body FROM checkpoints ORDER BY 1, 2"
        ).all()
        runs = connection.exec_driver_sql(
            "SELECT id, task_index FROM task_runs "
            "UNION ALL SELECT id, task_index FROM reviews ORDER BY 1"
        ).all()
    engine.dispose()
    told = [(*row[:4], json.dumps(json.loads(row[4]), sort_keys=True)) for row in checkpoints]
    return [*told, *map(tuple, runs)]
