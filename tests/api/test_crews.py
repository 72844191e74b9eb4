from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Service


def test_get_says_healthy(service: Service) -> None:
    answer = service.get("/crews/article/")
    assert (answer.status_code, answer.text) == (200, "Healthy")


def test_the_base_url_works_without_its_last_slash(service: Service) -> None:
    assert service.get("/crews/article").text == "Healthy"


def test_the_default_deployment_is_served_at_the_root(service: Service) -> None:
    execution_id = service.post("/kickoff", {"inputs": {"topic": "bees"}}).json()["kickoff_id"]
    assert service.status(execution_id)["status"] == "running"
    assert service.get("/").text == "Healthy"


def test_a_run_to_the_end(service: Service) -> None:
    execution_id = service.halted()
    service.resume(execution_id, task_id="write", human_feedback="", is_approve=True)
    service.work()
    print(service.status(execution_id))
    assert service.status(execution_id)["status"] == "completed"
