"""A process that starts while the database cannot be used begins once it can."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from processes import came_true, kill_all

from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.errors import NotMigrated
from orchestrator.settings import Settings
from orchestrator.usecases.outage import retry_through_outage
from workers import process
from workers.lease_keeper import ThreadLeaseKeeper

SECONDS = 30.0
"""How long is waited for what a process does; a worker tries for an hour."""


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


@pytest.mark.parametrize("lacks", ["database", "tables"])
def test_it_waits_for_what_the_database_lacks(
    current: process._Current, folder: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    if lacks == "tables":
        folder.mkdir()

    def comes_back(_seconds: float) -> None:
        folder.mkdir(exist_ok=True)
        upgrade(f"sqlite:///{folder / 'migrated.db'}")

    patient = partial(retry_through_outage, pause=comes_back)
    monkeypatch.setattr(process, "retry_through_outage", patient)

    assert tasks_loaded(current.get()) == ("research", "write", "publish")


def test_one_that_could_not_begin_begins_with_its_next_job(
    current: process._Current, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    monkeypatch.setattr(process, "retry_through_outage", lambda work: work())
    with pytest.raises(NotMigrated):
        current.get()
    upgrade(f"sqlite:///{folder / 'migrated.db'}")

    assert tasks_loaded(current.get()) == ("research", "write", "publish")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that starts while the folder of its database is not there.

    It logs into a file, and nobody reads what else it prints.
    """
    file = tmp_path / "deployments.toml"
    file.write_text('[deployments.crew]\nfunctions = "user_crews:plain"\n')
    environment = {
        "REMAP_SIGTERM": "SIGQUIT",
        "ORCHESTRATOR_DATA": str(tmp_path / "data"),
        "ORCHESTRATOR_DEPLOYMENTS": str(file),
        "ORCHESTRATOR_DATABASE_URL": f"sqlite:///{tmp_path / 'away' / 'migrated.db'}",
        "ORCHESTRATOR_BROKER_URL": "memory://",
    }
    celery = [sys.executable, "-m", "celery", "-q", "-A", "workers.app", "worker", "-Q", "crews"]
    unread, printed = os.pipe()
    with (tmp_path / "worker.log").open("wb") as log:
        started = subprocess.Popen(
            celery, env={**os.environ, **environment}, stdout=printed, stderr=log
        )
    for end in (unread, printed):
        os.close(end)
    yield started
    if started.poll() is None:
        tree = psutil.Process(started.pid)
        kill_all([tree, *tree.children(recursive=True)])
    started.wait()


@pytest.mark.processes
def test_a_worker_that_waits_for_it_ends_when_it_is_told_to(
    worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    assert came_true(lambda: b"database is away, trying again" in log.read_bytes(), SECONDS)
    worker.terminate()
    assert came_true(lambda: worker.poll() is not None, SECONDS)
    assert b"Traceback" not in log.read_bytes()
