"""Tasks that would run for ever, in real workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Service

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("operators")]


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


def error_of(service: Service, deployment: str, diary: Path) -> str:
    """Kick off and wait for the end; returns what the execution failed with."""
    execution_id = service.client.kickoff(deployment, {"diary": str(diary)})
    return str(service.client.wait(deployment, execution_id, seconds=60).error)


def test_a_task_over_its_limit_fails_an_attempt(service: Service, diary: Path) -> None:
    error = error_of(service, "hanging", diary)
    assert error == "Task 'hang' failed after 2 attempts: The task ran over its time limit of 1 s"
    assert diary.read_text() == "begun\n" * 2


def test_a_task_that_goes_on_is_killed(service: Service, diary: Path) -> None:
    error = error_of(service, "deaf", diary)
    assert "failed after 1 attempt: The task ran over its time limit, and went on" in error


def test_a_flow_that_hangs_outside_its_steps_is_ended(service: Service, diary: Path) -> None:
    error = error_of(service, "stuck", diary)
    assert error.endswith("Outside its steps it ran over the time limit of 1 s")


def test_a_stopped_crew_ends_at_its_next_step(service: Service, diary: Path) -> None:
    execution_id = service.client.kickoff("looping", {"diary": str(diary)})
    service.until(lambda: diary.exists() and "begun" in diary.read_text())
    service.client.stop("looping", execution_id)
    service.until(lambda: "ended" in diary.read_text())
    assert service.client.status("looping", execution_id).status == "stopped"
