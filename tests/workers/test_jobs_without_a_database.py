"""A job that meets an outage is left to the sweep: no failure, and one line in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from celery import Celery

from orchestrator.adapters.celery import make_celery
from orchestrator.jobs import DRAIN, FORMAT, RESUME, RUN_TASK, SEND_LINK, TAKE_MAIL
from orchestrator.settings import Settings
from workers import jobs, process


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Celery:
    """The jobs of a worker whose database was there when it began, and is not now."""
    file = tmp_path / "deployments.toml"
    file.write_text('[deployments.crew]\nfunctions = "user_crews:plain"\n')
    url = f"sqlite:///{tmp_path / 'away' / 'migrated.db'}"
    settings = Settings(data=tmp_path / "data", deployments=file, database_url=url)
    current = process._Current()
    current._process = process.WorkerProcess(settings, process.Identity("w-1", ("crews",)))
    monkeypatch.setattr(jobs, "current", current)
    made = make_celery("memory://")
    jobs.register(made)
    return made


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        (RUN_TASK, ("execution_id", "task_run_id")),
        (RESUME, ("execution_id", "task_run_id")),
        (DRAIN, ("endpoint_id",)),
        (TAKE_MAIL, ("mail_id",)),
        (SEND_LINK, ("link_id",)),
    ],
)
def test_a_job_that_meets_an_outage_is_left_to_the_sweep(
    app: Celery, monkeypatch: pytest.MonkeyPatch, name: str, ids: tuple[str, ...]
) -> None:
    arguments: dict[str, Any] = {each: str(uuid4()) for each in ids}
    monitored: list[tuple[str, str]] = []
    monkeypatch.setattr(
        jobs.Ids, "send_event", lambda _, event, exception: monitored.append((event, exception))
    )
    with structlog.testing.capture_logs() as logged:
        ended = app.tasks[name].apply(kwargs={"v": FORMAT, **arguments})

    assert ended.state == "IGNORED"
    assert monitored == [("task-retried", jobs.LEFT)]
    left = [line for line in logged if line["event"] == "job is left to the sweep"]
    assert [line["job"] for line in left] == [name]
    assert arguments.items() <= left[0].items()
