"""Checkpoints over HTTP: listed, rewound to, forked from; work sent back by a reviewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service


def checkpoints(service: Service, execution_id: str) -> list[dict[str, Any]]:
    answer = service.get(f"/v1/executions/{execution_id}/checkpoints")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["checkpoints"]
    return found


def ended(service: Service) -> str:
    """An execution whose review was approved, and that has ended."""
    execution_id = service.halted()
    answer = service.resume(execution_id, task_id="write", is_approve=True)
    assert answer.status_code == 200, answer.text
    service.work()
    assert service.status(execution_id)["status"] == "completed"
    return execution_id


def test_checkpoints_are_listed_in_order(service: Service) -> None:
    found = checkpoints(service, ended(service))

    assert [each["number"] for each in found] == list(range(1, len(found) + 1))
    assert {"ask", "answer", "commit"} <= {each["cause"] for each in found}
    assert all(each["stands"] for each in found)


def test_an_execution_that_ended_goes_on_from_a_checkpoint(service: Service) -> None:
    execution_id = ended(service)
    asked = next(e["number"] for e in checkpoints(service, execution_id) if e["cause"] == "ask")

    answer = service.post(f"/v1/executions/{execution_id}/rewind", {"checkpoint": asked})
    service.work()

    assert answer.status_code == 200, answer.text
    superseded = answer.json()["superseded"]
    after = {each["number"]: each["stands"] for each in checkpoints(service, execution_id)}
    assert superseded
    assert not any(after[number] for number in superseded)
    assert service.pending(execution_id)["task_name"] == "write"


def test_a_rewind_that_is_sent_twice_under_one_key_is_one(service: Service) -> None:
    execution_id = ended(service)
    path, headers = f"/v1/executions/{execution_id}/rewind", {"Idempotency-Key": "once"}

    first = service.post(path, {"checkpoint": 0}, headers=headers)
    second = service.post(path, {"checkpoint": 0}, headers=headers)

    assert first.json() == second.json()
    assert [e["cause"] for e in checkpoints(service, execution_id)].count("rewind") == 1


def test_a_fork_goes_its_own_way(service: Service) -> None:
    execution_id = ended(service)
    body = {"checkpoint": 0, "inputs": {"topic": "wasps"}}

    answer = service.post(f"/v1/executions/{execution_id}/fork", body)
    service.work()

    assert answer.status_code == 200, answer.text
    forked = answer.json()["execution_id"]
    assert answer.json()["forked_from"] == execution_id
    assert service.status(execution_id)["status"] == "completed"
    assert service.get(f"/v1/executions/{forked}").json()["inputs"]["topic"] == "wasps"


def test_what_cannot_be_is_refused_with_a_reason(service: Service) -> None:
    execution_id, path = ended(service), "/v1/executions"

    unknown = service.post(f"{path}/{execution_id}/rewind", {"checkpoint": 99})
    nothing = service.post(f"{path}/{execution_id}/rewind", {"checkpoint": -1})
    unbegun = service.post(f"{path}/{service.start()}/rewind", {"checkpoint": 0})

    assert (unknown.status_code, unknown.json()["error"]) == (404, "Checkpoint not found")
    assert nothing.status_code == 422
    assert (unbegun.status_code, unbegun.json()["error"]) == (409, "cannot_rewind")


def test_a_token_of_another_deployment_sees_none_of_it(service: Service) -> None:
    execution_id = ended(service)
    other = create_token(service.ports, "tests", "plain")[1]
    for method, path in (("GET", "checkpoints"), ("POST", "rewind"), ("POST", "fork")):
        answer = service.call(
            method, f"/v1/executions/{execution_id}/{path}", other, content='{"checkpoint": 0}'
        )
        assert answer.status_code == 404
