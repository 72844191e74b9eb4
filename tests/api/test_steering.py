from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service


def batch(service: Service, *topics: str, **more: Any) -> Any:
    """Kick off one execution for each topic."""
    body = {"deployment": "article", "inputs": [{"topic": topic} for topic in topics], **more}
    return service.post("/v1/batches", body)


@pytest.fixture
def failed(service: Service) -> str:
    """A failed execution of the deployment that always fails."""
    return service.halted("doomed")


def test_a_failed_execution_is_retried(service: Service, failed: str) -> None:
    answer = service.post(f"/v1/executions/{failed}/retry")
    assert (answer.status_code, answer.json()["state"]) == (200, "RUNNING")


def test_an_execution_that_runs_cannot_be_retried(service: Service) -> None:
    answer = service.post(f"/v1/executions/{service.start()}/retry")
    assert (answer.status_code, answer.json()["error"]) == (409, "cannot_retry")


def test_a_token_of_another_deployment_retries_nothing(service: Service, failed: str) -> None:
    _, secret = create_token(service.ports, "limited", "article")
    assert service.post(f"/v1/executions/{failed}/retry", secret=secret).status_code == 404


def test_a_batch_is_an_execution_for_each_input(service: Service) -> None:
    kicked_off = batch(service, "bees", "owls").json()
    service.work()
    outputs = [service.pending(each)["task_output"] for each in kicked_off["kickoff_ids"]]
    assert ["bees" in outputs[0], "owls" in outputs[1]] == [True, True]


def test_a_batch_shows_its_executions_in_the_order_of_their_inputs(service: Service) -> None:
    kicked_off = batch(service, "bees", "owls").json()
    shown = service.get(f"/v1/batches/{kicked_off['batch_id']}").json()["executions"]
    assert [each["execution_id"] for each in shown] == kicked_off["kickoff_ids"]


def test_a_batch_shows_results(service: Service) -> None:
    body = {"deployment": "plain", "inputs": [{}]}
    kicked_off = service.post("/v1/batches", body).json()
    service.work()
    (shown,) = service.get(f"/v1/batches/{kicked_off['batch_id']}").json()["executions"]
    assert (shown["status"], shown["result"]) == ("completed", "done")


def test_one_bad_input_keeps_the_whole_batch_from_starting(service: Service) -> None:
    body = {"deployment": "article", "inputs": [{"topic": "bees"}, {}]}
    answer = service.post("/v1/batches", body)
    assert (answer.status_code, service.jobs) == (422, [])
    assert "'inputs[1]'" in answer.json()["message"]
    assert service.get("/v1/executions").json()["executions"] == []


def test_a_batch_sent_twice_with_a_key_is_one(service: Service) -> None:
    first, again = (
        batch(service, "bees").json(),
        batch(service, "bees").json(),
    )
    assert first != again
    keyed = {"Idempotency-Key": "k"}
    body = {"deployment": "article", "inputs": [{"topic": "bees"}]}
    answers = [service.post("/v1/batches", body, headers=keyed).json() for _ in range(2)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("inputs", [[], {}, ["x"], [{}] * 1001])
def test_inputs_that_are_no_batch(service: Service, inputs: object) -> None:
    body = {"deployment": "plain", "inputs": inputs}
    assert service.post("/v1/batches", body).status_code == 422


def test_an_unknown_batch(service: Service) -> None:
    assert service.get("/v1/batches/none").status_code == 404


def test_a_batch_is_stopped(service: Service) -> None:
    other = service.start()
    kicked_off = batch(service, "bees", "owls").json()
    capitals = kicked_off["batch_id"].upper()  # as some libraries write ids
    answer = service.post("/v1/executions/stop", {"batch": capitals}).json()
    assert sorted(answer["stopped"]) == sorted(kicked_off["kickoff_ids"])
    assert service.status(other)["status"] == "running"


def test_those_that_wait_for_a_person_are_stopped(service: Service) -> None:
    halted, running = service.halted(), service.start()
    body = {"deployment": "article", "state": "PENDING_HUMAN_INPUT"}
    assert service.post("/v1/executions/stop", body).json() == {"stopped": [halted]}
    assert service.status(running)["status"] == "running"


@pytest.mark.parametrize("body", [{}, {"state": "FAILED"}, {"everything": True}])
def test_stopping_needs_a_condition(service: Service, body: dict[str, Any]) -> None:
    execution_id = service.start()
    assert service.post("/v1/executions/stop", body).status_code == 422
    assert service.status(execution_id)["status"] == "running"


def test_a_limited_token_stops_its_own_only(service: Service) -> None:
    own, other = service.start("article"), service.start("plain")
    _, secret = create_token(service.ports, "limited", "article")
    answer = service.post("/v1/executions/stop", {"state": "QUEUED"}, secret=secret)
    assert answer.json() == {"stopped": [own]}
    assert service.status(other, "plain")["status"] == "running"
    refused = service.post("/v1/executions/stop", {"deployment": "plain"}, secret=secret)
    assert refused.status_code == 401
