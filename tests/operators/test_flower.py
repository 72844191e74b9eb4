"""What an operator sees in Flower, of a real run with real workers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from conftest import Service

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("operators")]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def halted(service: Service) -> str:
    """An execution that waits for a person, as Flower shows it."""
    execution_id = service.client.kickoff("article", {"topic": "bees"})
    service.client.wait("article", execution_id)
    service.await_states(execution_id, ["SUCCESS", "AWAITING-INPUT"])
    return execution_id


@pytest.fixture(scope="session")
def failed(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An execution whose task failed twice."""
    jam = tmp_path_factory.mktemp("jam")
    execution_id = service.client.kickoff("doomed", {"jam": str(jam)})
    service.client.wait("doomed", execution_id)
    service.await_states(execution_id, ["RETRY", "FAILURE"])
    return execution_id


def test_an_executions_jobs_are_found_by_its_id(service: Service, halted: str) -> None:
    assert [job["name"] for job in service.jobs_of(halted)] == ["orchestrator.run_task"] * 2


def test_a_halted_job_has_a_state_of_its_own(service: Service, halted: str) -> None:
    assert service.states_of(halted)[-1] == "AWAITING-INPUT"


def test_the_list_shows_deployment_and_task(service: Service, halted: str) -> None:
    shown = service.jobs_of(halted)[1]["kwargs"]
    assert "'deployment': 'article', 'task': 'write'" in shown


def test_a_chain_shows_which_job_published_the_next(service: Service, halted: str) -> None:
    first, second = service.jobs_of(halted)
    assert second["parent_id"] == second["root_id"] == first["uuid"]


def test_failed_attempts_show_as_retry_and_failure(service: Service, failed: str) -> None:
    assert service.states_of(failed) == ["RETRY", "FAILURE"]


def test_no_text_of_models_or_errors_is_shown(service: Service, halted: str, failed: str) -> None:
    shown = str([service.jobs_of(halted), service.jobs_of(failed)])
    assert ("Model text" in shown, "secret of the printer" in shown) == (False, False)


def test_every_queue_has_its_length(service: Service) -> None:
    found = service.in_flower("/api/queues/length")["active_queues"]
    assert {queue["name"] for queue in found} == {"crews", "webhooks", "mail", "intake"}


@pytest.mark.parametrize(
    "part",
    [
        "AWAITING-INPUT",
        "task_run.commit",
        "PENDING_HUMAN_INPUT",
        "Under review: write, round 1",
        "Model text",
        "&quot;topic&quot;: &quot;bees&quot;",
    ],
)
def test_our_page_shows_an_execution(service: Service, halted: str, part: str) -> None:
    assert part in service.in_flower(f"/execution/{halted}")


@pytest.mark.parametrize("path", ["/", "/tasks", "/api/tasks", "/execution/{}"])
def test_nothing_is_shown_without_the_password(service: Service, halted: str, path: str) -> None:
    answer = requests.get(service.flower + path.format(halted), timeout=10)
    assert answer.status_code == 401


def test_an_unknown_execution_is_not_found_on_a_page_like_all_others(service: Service) -> None:
    path = "/execution/01a203d7-d322-7166-875c-000000000000"
    answer = requests.get(service.flower + path, auth=("operator", "a-password"), timeout=10)
    assert answer.status_code == 404
    assert "No execution found with ID: 01a203d7" in answer.text
    assert 'class="app-body"' in answer.text


@pytest.mark.parametrize("path", ["/tasks", "/task/{}", "/execution/{}"])
def test_each_page_makes_links_of_executions_ids(service: Service, halted: str, path: str) -> None:
    shown = service.jobs_of(halted)[0]["uuid"] if "task" in path else halted
    page = service.in_flower(path.format(shown))
    assert '<script src="/execution_links.js"' in page
    script = service.in_flower("/execution_links.js")
    assert "/execution/" in script


def test_a_jobs_arguments_have_the_form_that_the_script_looks_for(
    service: Service, halted: str
) -> None:
    (pattern,) = re.findall(r"const id = /(.*)/;", service.in_flower("/execution_links.js"))
    for job in service.jobs_of(halted):
        found = re.search(pattern, job["kwargs"])
        assert found
        assert found[1] == halted


def test_flower_does_not_start_without_a_password(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "flower"]
    conf = f"--conf={ROOT / 'config' / 'flower.py'}"
    environment = {"ORCHESTRATOR_DATA": str(tmp_path), "PATH": ""}
    ended = subprocess.run(
        [*command, conf], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "FLOWER_BASIC_AUTH" in ended.stderr
