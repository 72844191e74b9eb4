from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.domain.output import Output

if TYPE_CHECKING:
    from conftest import Service

DRAFT = "Draft 1 from: Facts about bees"


def test_a_queued_execution(service: Service) -> None:
    execution_id = service.start(meta={"order": 7})

    assert service.status(execution_id) == {
        "status": "running",
        "state": "PENDING",
        "kickoff_id": execution_id,
        "current_task": "research",
        "progress": {
            "completed_tasks": 0,
            "total_tasks": 3,
            "unit": "task",
            "completed": 0,
            "total": 3,
            "remaining": 3,
            "current": "research",
        },
        "execution_origin": "api",
        "meta": {"order": 7},
        "pending": [],
        "tasks": [],
    }


def test_a_halted_execution_tells_what_it_waits_for(service: Service) -> None:
    status = service.status(service.halted())

    (pending,) = status["pending"]
    assert (status["status"], status["state"]) == ("pending_human_input", "RUNNING")
    assert "result" not in status
    assert [task["name"] for task in status["tasks"]] == ["research"]
    assert pending.pop("task_id")
    assert pending == {
        "kind": "judge",
        "task_name": "write",
        "round": 1,
        "output_digest": Output(DRAFT).digest,
        "task_output": DRAFT,
    }


def test_a_task_that_waits_for_a_person_is_current_not_completed(service: Service) -> None:
    status = service.status(service.halted())

    assert status["current_task"] == status["progress"]["current"] == "write"
    assert status["progress"]["completed"] == status["progress"]["completed_tasks"] == 1
    assert status["last_executed_task"]["name"] == "research"


def test_a_finished_execution_has_its_result(service: Service) -> None:
    execution_id = service.halted()
    service.resume(execution_id, task_id="write", is_approve=True, human_feedback="Print it")
    service.work()

    status = service.status(execution_id)
    published = f"Published: {DRAFT} (said: Print it)"
    assert (status["status"], status["state"]) == ("completed", "SUCCESS")
    assert status["result"] == published
    assert [task["name"] for task in status["tasks"]] == ["research", "write", "publish"]
    assert status["tasks"][1]["output"] == DRAFT
    assert status["last_executed_task"]["output"] == published
    assert status["execution_time"] >= 0
    assert "current_task" not in status
    assert "error" not in status


def test_a_result_that_is_data(service: Service) -> None:
    execution_id = service.halted("quote")
    service.resume(execution_id, "quote", task_id="decide", is_approve=True)

    status = service.status(execution_id, "quote")
    assert status["result_json"] == {"price": 3}
    assert status["result"] == '{"price":3}'


def test_a_failed_execution_says_why(service: Service) -> None:
    status = service.status(service.halted("doomed"), "doomed")

    assert (status["status"], status["state"]) == ("error", "FAILED")
    assert status["error"] == "Task 'give_up' failed after 1 attempt: The archive is closed"
    assert "result" not in status


def test_a_stopped_execution(service: Service) -> None:
    execution_id = service.halted()
    service.post(f"/crews/article/stop/{execution_id}")

    status = service.status(execution_id)
    assert (status["status"], status["state"]) == ("stopped", "REVOKED")
    assert status["pending"] == []


def test_the_documented_form_waits_in_its_state(service: Service) -> None:
    status = service.status(service.halted("formal"), "formal")

    assert (status["status"], status["state"]) == ("pending_human_input", "PENDING_HUMAN_INPUT")
    assert not {"result", "tasks"} & status.keys()


def test_the_documented_form_has_its_tasks_in_the_result(service: Service) -> None:
    execution_id = service.halted("formal")
    service.resume(execution_id, "formal", task_id="write", is_approve=True)
    service.work()

    status = service.status(execution_id, "formal")
    assert (status["state"], "tasks" in status) == ("SUCCESS", False)
    assert status["result"]["output"].startswith(f"Published: {DRAFT}")
    assert [task["name"] for task in status["result"]["tasks"]] == ["research", "write", "publish"]


def test_the_documented_form_of_a_queued_execution(service: Service) -> None:
    status = service.status(service.start("formal"), "formal")
    assert (status["state"], status["status"]) == ("PENDING", "running")
    assert not {"result", "tasks"} & set(status)


def test_the_documented_form_of_a_failed_execution(service: Service) -> None:
    execution_id = service.halted("formal-doomed")
    status = service.status(execution_id, "formal-doomed")
    assert (status["state"], status["status"]) == ("FAILED", "error")
    assert "The archive is closed" in status["error"]
    assert not {"result", "tasks"} & set(status)


def test_the_documented_form_of_a_stopped_execution(service: Service) -> None:
    execution_id = service.halted("formal")
    service.post(f"/crews/formal/stop/{execution_id}")
    status = service.status(execution_id, "formal")
    assert (status["state"], status["status"]) == ("REVOKED", "stopped")
    assert not {"result", "tasks"} & set(status)


def test_the_live_form_of_a_result_without_text_is_an_empty_one(service: Service) -> None:
    execution_id = service.start("silent", inputs={})
    service.work()
    status = service.status(execution_id, "silent")
    assert (status["state"], status["result"]) == ("SUCCESS", "")


def test_both_forms_say_the_same_but_for_state_result_and_tasks(service: Service) -> None:
    bodies = [service.status(service.halted(name), name) for name in ("article", "formal")]
    own = {"kickoff_id", "state", "result", "tasks", "pending", "last_executed_task"}
    live, documented = ({k: v for k, v in body.items() if k not in own} for body in bodies)
    assert live == documented


def test_the_status_has_a_second_address(service: Service) -> None:
    execution_id = service.halted()
    for base in ("/crews/article", ""):
        assert service.get(f"{base}/{execution_id}/status").json() == service.status(execution_id)


@pytest.mark.parametrize("execution_id", ["x", "%00", "%F0%9F", "a" * 3000])
def test_an_unknown_execution_is_not_found(service: Service, execution_id: str) -> None:
    answer = service.get(f"/crews/article/status/{execution_id}")
    assert (answer.status_code, answer.json()["error"]) == (404, "Execution not found")


def test_not_found_names_the_id(service: Service) -> None:
    body = service.get("/crews/article/status/x").json()
    assert body["message"] == body["detail"] == "No execution found with ID: x"


def test_an_execution_of_another_deployment_is_not_found(service: Service) -> None:
    assert service.get(f"/crews/plain/status/{service.start()}").status_code == 404
