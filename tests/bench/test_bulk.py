"""What a bench writes in bulk equals what the real code writes, and lives on as that does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from databases import migrated_database
from harness.bulk import ID, rows_of, write_copies
from sqlalchemy import Engine
from world import World, migrated, plan_of, world_over

from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.sql.schema import metadata
from orchestrator.domain.execution import ExecutionState

OF_ITS_OWN = ("token_hash", "digest", "last_digest", "salt")
DURATIONS = ("execution_time", "seconds")

Normal = list[tuple[str, dict[str, Any]]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{migrated(tmp_path)}"
    return migrated_database(request.getfixturevalue("postgres_server"))


@pytest.fixture
def world(url: str) -> Iterator[World]:
    made = world_over(url, plan_of("research", "write?", "publish"))
    yield made
    made.ports.store.dispose()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    yield made
    made.dispose()


def halted(world: World) -> str:
    return world.halted(inputs={"topic": "bees"})


def finished(world: World) -> str:
    execution_id = halted(world)
    world.answer(execution_id, "write", approve=True, words="Fine.")
    world.work()
    return execution_id


def ids_in(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.exec_driver_sql("SELECT id FROM executions").scalars())


def normal(engine: Engine, execution_id: str) -> Normal:
    """Its rows with ids in the order of their appearance, without times, hashes and salts."""
    seen: dict[str, str] = {}

    def plain(name: str, value: Any) -> Any:
        if isinstance(value, datetime) or (name in DURATIONS and value is not None):
            return "a time"
        if name in OF_ITS_OWN and value is not None:
            return f"{len(value)} digits of its own"
        if isinstance(value, str):
            return ID.sub(lambda found: seen.setdefault(found[0], f"id {len(seen)}"), value)
        return value

    with engine.connect() as connection:
        return [
            (table.name, {name: plain(name, value) for name, value in row.items()})
            for table in metadata.sorted_tables
            for row in rows_of(connection, table, execution_id)
        ]


@pytest.mark.parametrize("made", [halted, finished])
def test_a_copy_equals_what_the_real_code_writes(
    url: str, world: World, engine: Engine, made: Callable[[World], str]
) -> None:
    first, other = made(world), made(world)
    write_copies(url, first, 3)
    copies = ids_in(engine) - {first, other}
    assert len(copies) == 3
    assert {name for name, _ in normal(engine, other)} >= {"executions", "task_runs", "timeline"}
    for copy in copies:
        assert normal(engine, copy) == normal(engine, other)


def test_copies_share_no_id_and_no_time(url: str, world: World, engine: Engine) -> None:
    first = halted(world)
    write_copies(url, first, 2)
    written = []
    for execution_id in ids_in(engine):
        with engine.connect() as connection:
            rows = [
                row
                for table in metadata.sorted_tables
                for row in rows_of(connection, table, execution_id)
            ]
        texts = " ".join(str(value) for row in rows for value in row.values())
        written.append(set(ID.findall(texts)) | {str(row.get("created_at")) for row in rows})
    one, two, three = (each - {"None"} for each in written)
    assert not one & two
    assert not two & three
    assert not one & three


def test_a_copy_is_answered_and_ends(url: str, world: World, engine: Engine) -> None:
    first = halted(world)
    write_copies(url, first, 2)
    for copy in ids_in(engine) - {first}:
        assert world.answer(copy, "write", approve=True)["status"] == "resumed"
    world.work()
    states = [world.snapshot(each).execution.state for each in ids_in(engine) - {first}]
    assert states == [ExecutionState.SUCCEEDED] * 2


def test_copies_are_counted_as_all_are(url: str, world: World) -> None:
    write_copies(url, halted(world), 4)
    counts = world.ports.store.read(lambda tx: tx.figures.executions())
    waiting = {found.state: found.count for found in counts}
    assert waiting[ExecutionState.PENDING_HUMAN_INPUT] == 5
