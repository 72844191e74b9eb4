from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from orchestrator.domain.delivery import Authentication
from orchestrator.domain.webhooks import WebhookKind

if TYPE_CHECKING:
    from conftest import Service

    from orchestrator.domain.delivery import Endpoint

HOOK = "https://93.184.215.14/hook"
"""A public address, so that nothing has to be resolved; nothing is sent in these tests."""
TOPIC = {"topic": "bees"}


def endpoint(service: Service, execution_id: str, kind: WebhookKind) -> Endpoint | None:
    def read(tx: Any) -> Endpoint | None:
        endpoint_id = tx.executions.get(execution_id).subscriptions.endpoint(kind)
        return tx.endpoints.get(endpoint_id) if endpoint_id else None

    return service.ports.store.read(read)


def test_kickoff_answers_with_the_id(service: Service) -> None:
    answer = service.post("/crews/article/kickoff", {"inputs": TOPIC})

    assert answer.status_code == 200
    assert list(answer.json()) == ["kickoff_id"]
    assert UUID(answer.json()["kickoff_id"])


def test_kickoff_publishes_one_job(service: Service) -> None:
    service.start()
    assert [job.name for job in service.jobs] == ["orchestrator.run_task"]


def test_inputs_are_named(service: Service) -> None:
    assert service.get("/crews/article/inputs").json() == {"inputs": ["topic"]}


def test_missing_inputs_are_named(service: Service) -> None:
    answer = service.post("/crews/article/kickoff", {"inputs": {}})

    message = "Missing required inputs: topic. Add them to 'inputs'."
    assert answer.status_code == 422
    assert answer.json() == {
        "error": "Validation Error",
        "message": message,
        "detail": message,
        "details": {"missing_inputs": ["topic"]},
    }


@pytest.mark.parametrize("inputs", [[], "topic", 1])
def test_inputs_must_be_an_object(service: Service, inputs: Any) -> None:
    answer = service.post("/crews/article/kickoff", {"inputs": inputs})
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["inputs"])


def test_inputs_are_required(service: Service) -> None:
    assert service.post("/crews/plain/kickoff", {}).json()["details"] == {"inputs": "is required"}


def test_null_inputs_are_none(service: Service) -> None:
    assert service.post("/crews/plain/kickoff", {"inputs": None}).status_code == 200
    refused = service.post("/crews/article/kickoff", {"inputs": None})
    assert (refused.status_code, refused.json()["details"]) == (422, {"missing_inputs": ["topic"]})


def test_a_misspelt_key_is_told(service: Service) -> None:
    body = {"inputs": {}, "humanInputWebhookURL": "https://hooks.example/n", "x": 1, "meta": {}}
    (warning,) = service.post("/crews/plain/kickoff", body).json()["warnings"]
    assert warning.startswith("'humanInputWebhookURL' is not a key of this call")
    assert warning.endswith("write 'humanInputWebhookUrl'.")


def test_a_body_that_is_full_of_unknown_keys_is_looked_at_in_part(service: Service) -> None:
    keys = {f"crewWebhookUrl{n}": 1 for n in range(300)}
    told = service.post("/crews/plain/kickoff", {"inputs": {}, **keys}).json()
    assert len(told["warnings"]) == 20


def test_nothing_is_told_of_keys_that_are_known_or_like_none(service: Service) -> None:
    known = {"crew_webhook_url": "https://hooks.example/n", "carryWebhooks": True, "meta": {}}
    told = service.post("/crews/plain/kickoff", {"inputs": {}, "priority": 1, **known}).json()
    assert list(told) == ["kickoff_id"]


def test_unknown_keys_are_ignored(service: Service) -> None:
    assert service.start(somethingNew={"a": 1})


@pytest.mark.parametrize("key", ["taskWebhookUrl", "task_webhook_url"])
def test_webhooks_are_named_in_either_casing(service: Service, key: str) -> None:
    found = endpoint(service, service.start(**{key: HOOK}), WebhookKind.TASK)
    assert found
    assert found.url == HOOK


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"strategy": "bearer", "token": "t"}, Authentication("bearer", token="t")),
        (
            {"strategy": "basic", "username": "u", "password": "p"},
            Authentication("basic", username="u", password="p"),
        ),
    ],
)
def test_a_human_input_webhook_may_need_authentication(
    service: Service, given: dict[str, str], kept: Authentication
) -> None:
    execution_id = service.start(humanInputWebhook={"url": HOOK, "authentication": given})

    found = endpoint(service, execution_id, WebhookKind.HUMAN_INPUT)
    assert found
    assert found.authentication == kept


def test_a_stream_is_accepted(service: Service) -> None:
    stream = {"events": ["crew_kickoff_started"], "url": HOOK, "realtime": True}
    execution_id = service.start(webhooks=stream)
    assert endpoint(service, execution_id, WebhookKind.STREAM)


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "ftp://93.184.215.14/x", "nowhere"])
def test_a_webhook_that_cannot_be_used_is_refused(service: Service, url: str) -> None:
    body = {"inputs": TOPIC, "crewWebhookUrl": url}
    answer = service.post("/crews/article/kickoff", body)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["crewWebhookUrl"])


def test_a_deployment_that_no_worker_loaded_is_not_ready(serve: Any) -> None:
    answer = serve().post("/crews/article/kickoff", {"inputs": TOPIC})

    assert answer.status_code == 503
    assert answer.json()["error"] == "Deployment not ready"
    assert answer.headers["Retry-After"]


def test_a_deployment_that_does_not_load_says_why(service: Service) -> None:
    answer = service.post("/crews/broken/kickoff", {"inputs": {}})
    assert (answer.status_code, answer.json()["error"]) == (503, "Deployment broken")
    assert "has no attribute 'nothing'" in answer.json()["message"]


@pytest.mark.parametrize(
    "value", ["\0", "\ud800", 2**200, [[{}]], "é", -0.5], ids=["nul", "half", "big", "l", "e", "f"]
)
def test_inputs_and_meta_may_be_any_json(service: Service, value: Any) -> None:
    execution_id = service.start(meta={"v": value})
    assert service.status(execution_id)["meta"] == {"v": value}


def test_the_actor_is_the_token(service: Service) -> None:
    record = service.get(f"/v1/executions/{service.start()}").json()
    assert (record["actor"], record["origin"]) == ("token:tests", "api")
