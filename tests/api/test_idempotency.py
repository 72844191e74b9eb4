from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Service
    from httpx import Response

BEES = {"inputs": {"topic": "bees"}}
ANTS = {"inputs": {"topic": "ants"}}


def kick_off(service: Service, body: object, key: str = "k", at: str = "article") -> Response:
    return service.post(f"/crews/{at}/kickoff", body, headers={"Idempotency-Key": key})


def test_the_same_call_is_answered_as_before(service: Service) -> None:
    first, second = kick_off(service, BEES), kick_off(service, BEES)

    assert first.json() == second.json()
    assert len(service.jobs) == 1


def test_the_order_of_keys_does_not_make_another_body(service: Service) -> None:
    first = kick_off(service, {"meta": {}, **BEES})
    second = kick_off(service, {**BEES, "meta": {}})
    assert first.json() == second.json()


def test_another_body_is_refused(service: Service) -> None:
    kick_off(service, BEES)

    answer = kick_off(service, ANTS)

    assert (answer.status_code, answer.json()["error"]) == (422, "Validation Error")
    assert list(answer.json()["details"]) == ["Idempotency-Key"]


def test_another_key_is_another_call(service: Service) -> None:
    assert kick_off(service, BEES, "a").json() != kick_off(service, BEES, "b").json()


def test_another_deployment_is_another_call(service: Service) -> None:
    assert kick_off(service, BEES).json() != kick_off(service, BEES, at="capped").json()


def test_an_error_leaves_the_key_unused(service: Service) -> None:
    assert kick_off(service, {"inputs": {}}).status_code == 422
    assert kick_off(service, BEES).status_code == 200


def test_a_resume_that_is_sent_twice_is_one_decision(service: Service) -> None:
    execution_id = service.halted()
    said = {"task_id": "write", "human_feedback": "Hmm", "headers": {"Idempotency-Key": "r"}}

    first = service.resume(execution_id, **said)
    service.work()
    second = service.resume(execution_id, **said)

    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert service.pending(execution_id)["round"] == 2


def test_a_kickoffs_key_may_be_used_for_a_resume(service: Service) -> None:
    kick_off(service, BEES)
    service.work()
    execution_id = service.halted()
    headers = {"Idempotency-Key": "k"}
    answer = service.resume(execution_id, task_id="write", is_approve=True, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_1_to_255_characters(service: Service, key: str) -> None:
    answer = kick_off(service, BEES, key)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["Idempotency-Key"])
    assert not service.jobs
