"""A process that starts while the database cannot be used begins once it can."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from world import migrated

from orchestrator.settings import Settings
from orchestrator.usecases.outage import retry_through_outage
from workers import process
from workers.lease_keeper import ThreadLeaseKeeper


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "later"


@pytest.fixture
def current(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> process._Current:
    file = tmp_path / "deployments.toml"
    file.write_text('[deployments.crew]\nfunctions = "user_crews:plain"\n')
    monkeypatch.setattr(ThreadLeaseKeeper, "_keep_all", lambda _: None)
    made = process._Current()
    url = f"sqlite:///{folder / 'migrated.db'}"
    made.settings = Settings(data=tmp_path / "data", deployments=file, database_url=url)
    made.identity = process.Identity("w-1", ("crews",))
    return made


def tasks_loaded(begun: process.WorkerProcess) -> tuple[str, ...]:
    return begun.worker.loaded_plan(begun.ports.deployments.get("crew")).names


def test_it_waits_for_a_database_that_is_away(
    current: process._Current, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def comes_back(_seconds: float) -> None:
        folder.mkdir()
        migrated(folder)

    patient = partial(retry_through_outage, pause=comes_back)
    monkeypatch.setattr(process, "retry_through_outage", patient)

    assert tasks_loaded(current.get()) == ("research", "write", "publish")


def test_one_that_could_not_begin_begins_with_its_next_job(
    current: process._Current, folder: Path
) -> None:
    folder.mkdir()
    with pytest.raises(OperationalError, match="no such table"):
        current.get()
    migrated(folder)

    assert tasks_loaded(current.get()) == ("research", "write", "publish")
