"""A worker or one of its children is killed in the middle of a task."""

from __future__ import annotations

import psutil
import pytest
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("workers")]

DIED = "The worker process died: signal 9 (SIGKILL)"


@pytest.fixture
def held(service: Service, work: Work) -> str:
    """An execution in the middle of its second task of three."""
    execution_id = service.client.kickoff("plain", work.inputs(hold="write"))
    service.until(lambda: work.pids("write"))
    return execution_id


def test_a_killed_child_costs_one_more_run_of_its_task_alone(
    service: Service, work: Work, held: str
) -> None:
    psutil.Process(work.pids("write")[0]).kill()
    work.go()
    assert service.ended("plain", held).result == "publish 1: write 2;"
    assert work.runs == ["research", "write", "write", "publish"]


def test_a_killed_child_is_noticed_before_its_lease_ends(
    service: Service, work: Work, held: str
) -> None:
    psutil.Process(work.pids("write")[0]).kill()
    service.until(lambda: len(work.pids("write")) == 2)
    assert service.task_run(held, "write").error == DIED
    work.go()
    service.ended("plain", held)


def test_a_task_that_kills_its_workers_fails_after_three_attempts(
    service: Service, work: Work, held: str
) -> None:
    for attempt in (1, 2, 3):
        pids = service.until(lambda n=attempt: len(p := work.pids("write")) == n and p)
        psutil.Process(pids[-1]).kill()
    failed = service.ended("plain", held)
    assert failed.error == f"Task 'write' failed after 3 attempts: {DIED}"
    assert work.runs == ["research", "write", "write", "write"]


def test_a_killed_worker_costs_one_more_run_of_its_task_alone(
    service: Service, work: Work, held: str
) -> None:
    service.kill_worker("crews")
    service.lapse(held)
    work.go()
    assert service.ended("plain", held).result == "publish 1: write 2;"
    assert work.runs == ["research", "write", "write", "publish"]


def test_a_zombie_is_refused_while_another_run_holds_the_claim(
    service: Service, work: Work, held: str
) -> None:
    zombie = _freeze_until_replaced(service, work, held)
    run = service.task_run(held, "write")
    work.go(attempt=1)
    zombie.resume()
    service.until(lambda: service.has_refused(run.id))
    assert service.task_run(held, "write").state == "RUNNING"
    work.go(attempt=2)
    assert service.ended("plain", held).result == "publish 1: write 2;"


def test_a_zombie_is_refused_after_another_run_has_finished(
    service: Service, work: Work, held: str
) -> None:
    zombie = _freeze_until_replaced(service, work, held)
    run = service.task_run(held, "write")
    work.go()
    ended = service.ended("plain", held)
    zombie.resume()
    service.until(lambda: service.has_refused(run.id))
    assert service.client.status("plain", held) == ended
    assert work.runs == ["research", "write", "write", "publish"]


def _freeze_until_replaced(service: Service, work: Work, execution_id: str) -> psutil.Process:
    """Stop the child in its tracks until it lost its claim and another child has the task."""
    child = psutil.Process(work.pids("write")[0])
    child.suspend()
    service.lapse(execution_id)
    service.until(lambda: len(work.pids("write")) == 2)
    return child


def test_executions_that_wait_for_a_person_survive_a_power_cut(
    service: Service, tmp_path_factory: pytest.TempPathFactory
) -> None:
    works = [Work(tmp_path_factory.mktemp("work")) for _ in range(5)]
    ids = [service.client.kickoff("article", work.inputs()) for work in works]
    reviews = [service.asked("article", execution_id) for execution_id in ids]
    service.kill()
    service.start()
    for execution_id, review in zip(ids, reviews, strict=True):
        service.client.approve("article", execution_id, review, "Print it")
    results = [service.ended("article", execution_id).result for execution_id in ids]
    assert results == ["publish 1: write 1; Print it"] * 5
    assert [work.runs for work in works] == [["research", "write", "publish"]] * 5


def test_a_task_that_a_power_cut_ended_runs_again(service: Service, work: Work, held: str) -> None:
    service.kill()
    service.start()
    service.lapse(held)
    work.go()
    assert service.ended("plain", held).status == "completed"
    assert work.runs == ["research", "write", "write", "publish"]


def test_a_service_that_is_stopped_in_mid_task_gives_it_back_uncounted(
    service: Service, work: Work, held: str
) -> None:
    service.terminate()
    run = service.task_run(held, "write")
    assert (run.state, run.attempts, run.claimed_by) == ("DUE", 0, None)
    work.go()
    service.start()
    assert service.ended("plain", held).status == "completed"
    assert service.task_run(held, "write").attempts == 1
