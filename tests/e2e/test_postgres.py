"""The service on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from databases import create_database
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.postgres, pytest.mark.xdist_group("crewai")]


@pytest.fixture(scope="module")
def service(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    database = create_database(postgres_server)
    with Service(tmp_path_factory.mktemp("postgres"), database_url=database) as service:
        yield service


def test_a_crew_halts_is_rejected_and_approved_and_ends(service: Service, work: Work) -> None:
    execution_id = service.client.kickoff("article", work.inputs())
    first = service.asked("article", execution_id)
    service.client.reject("article", execution_id, first, "Mention owls")
    second = service.asked("article", execution_id, first)
    service.client.approve("article", execution_id, second)
    ended = service.ended("article", execution_id)
    assert "write 2 with 'write 1' and ('Mention owls',)" in str(ended.result)
    assert work.runs == ["research", "write", "write", "publish"]


def test_a_killed_child_costs_one_more_run_of_its_task_alone(service: Service, work: Work) -> None:
    execution_id = service.client.kickoff("plain", work.inputs(hold="write"))
    service.until(lambda: work.pids("write"))
    psutil.Process(work.pids("write")[0]).kill()
    work.go()
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "write", "publish"]


def test_a_killed_worker_costs_one_more_run_of_its_task_alone(service: Service, work: Work) -> None:
    execution_id = service.client.kickoff("plain", work.inputs(hold="write"))
    service.until(lambda: work.pids("write"))
    service.kill_worker("crews")
    service.lapse(execution_id)
    work.go()
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "write", "publish"]
