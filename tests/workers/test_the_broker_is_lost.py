"""The broker forgets everything, or dies: the database brings the jobs back."""

from __future__ import annotations

import pytest
from service import Service
from work import Work

from orchestrator import jobs
from orchestrator.adapters.celery import CeleryJobs, make_celery
from orchestrator.settings import embedded_broker_url

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("workers")]


@pytest.fixture
def works(tmp_path_factory: pytest.TempPathFactory) -> list[Work]:
    """More executions than the crew worker has children."""
    return [Work(tmp_path_factory.mktemp("work")) for _ in range(6)]


@pytest.fixture
def backlog(service: Service, works: list[Work]) -> list[str]:
    """Executions of which two run their first task, and the others have a job in the queue."""
    ids = [service.client.kickoff("plain", work.inputs(hold="research")) for work in works]
    service.until(lambda: sum(bool(work.runs) for work in works) == 2)
    return ids


def test_jobs_that_a_flushed_broker_lost_are_published_again(
    service: Service, works: list[Work], backlog: list[str]
) -> None:
    assert service.broker.llen(jobs.CREWS) == 4
    service.broker.flushall()
    service.sweep_now()
    for work in works:
        work.go()
    assert [service.ended("plain", each).status for each in backlog] == ["completed"] * 6
    assert [work.runs for work in works] == [["research", "write", "publish"]] * 6


def test_a_job_that_is_published_twice_runs_its_task_once(
    service: Service, works: list[Work], backlog: list[str]
) -> None:
    service.sweep_now()
    service.until(lambda: service.broker.llen(jobs.CREWS) == 8)
    for work in works:
        work.go()
    assert [service.ended("plain", each).status for each in backlog] == ["completed"] * 6
    assert [work.runs for work in works] == [["research", "write", "publish"]] * 6


def test_a_job_that_meets_a_live_claim_ends_and_leaves_the_run_alone(
    service: Service, work: Work
) -> None:
    execution_id = service.client.kickoff("plain", work.inputs(hold="write"))
    service.until(lambda: work.pids("write"))
    run = service.task_run(execution_id, "write")
    broker = CeleryJobs(make_celery(embedded_broker_url(service.data)))
    broker.publish(jobs.run_task(execution_id, run.id, resumes=False))
    service.until(lambda: _found_nothing_due(service, run.id))
    work.go()
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "publish"]


def _found_nothing_due(service: Service, task_run_id: str) -> bool:
    lines = service.log.splitlines()
    return any("job found nothing to do" in line and task_run_id in line for line in lines)


def test_a_broker_that_dies_under_a_task_is_met_again(service: Service, work: Work) -> None:
    execution_id = service.client.kickoff("plain", work.inputs(hold="write"))
    service.until(lambda: work.pids("write"))
    service.kill_worker("broker")
    work.go()
    service.until(lambda: service.task_run(execution_id, "write").state == "COMMITTED")
    service.sweep_now()
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "publish"]


def test_a_broker_that_was_demoted_ends_no_worker(service: Service, work: Work) -> None:
    """As in a failover, until its address leads to the one that was promoted."""
    worker = service.process("crews")
    service.broker.execute_command("REPLICAOF", "127.0.0.1", "1")
    service.until(lambda: "Connection to broker lost" in service.log or not worker.is_running())
    service.broker.execute_command("REPLICAOF", "NO", "ONE")
    execution_id = service.client.kickoff("plain", work.inputs())
    assert service.ended("plain", execution_id).status == "completed"
    assert worker.is_running()


def test_an_api_without_a_broker_takes_a_kickoff_all_the_same(service: Service, work: Work) -> None:
    broker = service.process("broker")
    broker.suspend()
    try:
        execution_id = service.client.kickoff("plain", work.inputs())
    finally:
        broker.resume()
    service.sweep_now()
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "publish"]
