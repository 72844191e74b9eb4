"""The reviews that wait for a person, across deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service
    from httpx import Response


def answer(service: Service, review_id: str, secret: str | None = None, **body: Any) -> Response:
    return service.post(f"/v1/reviews/{review_id}/answer", body, secret)


def test_open_reviews_are_listed_oldest_first(service: Service) -> None:
    first, second = service.halted(), service.halted("quote")

    reviews = service.get("/v1/reviews").json()["reviews"]

    assert [review["execution_id"] for review in reviews] == [first, second]
    assert reviews[1]["task_output"] == '{"price":3}'
    assert reviews[0]["review_id"] == service.pending(first)["task_id"]


def test_an_answered_review_is_not_listed(service: Service) -> None:
    service.resume(service.halted(), task_id="write", is_approve=True)
    assert service.get("/v1/reviews").json() == {"reviews": []}


def test_the_list_is_read_page_by_page(service: Service) -> None:
    halted = [service.halted() for _ in range(2)]
    page = service.get("/v1/reviews?limit=1").json()
    rest = service.get("/v1/reviews", params={"cursor": page["next"]}).json()
    assert [one["execution_id"] for one in (*page["reviews"], *rest["reviews"])] == halted


def test_the_list_is_filtered_by_deployment(service: Service) -> None:
    service.halted()
    assert service.get("/v1/reviews?deployment=quote").json()["reviews"] == []


def test_a_review_is_answered_by_its_id_alone(service: Service) -> None:
    execution_id = service.halted()
    review_id = service.pending(execution_id)["task_id"]

    told = answer(service, review_id, isApprove=True, human_feedback="Good")

    assert told.status_code == 200
    assert (told.json()["status"], told.json()["kickoff_id"]) == ("resumed", execution_id)


def test_ids_in_the_body_change_nothing(service: Service) -> None:
    execution_id = service.halted()
    review_id = service.pending(execution_id)["task_id"]
    told = answer(service, review_id, is_approve=True, execution_id="x", taskId="y", reviewId="z")
    assert told.json()["kickoff_id"] == execution_id


def test_the_second_answer_is_told_who_won(service: Service) -> None:
    review_id = service.pending(service.halted())["task_id"]
    answer(service, review_id, is_approve=True, reviewer="Ada")

    told = answer(service, review_id, is_approve=False)

    assert (told.status_code, told.json()["error"]) == (409, "already_responded")
    assert told.json()["winner"]["by"] == "Ada"


def test_an_answer_that_is_sent_twice_is_one_decision(service: Service) -> None:
    review_id = service.pending(service.halted())["task_id"]
    twice = [
        service.post(
            f"/v1/reviews/{review_id}/answer",
            {"is_approve": True},
            headers={"Idempotency-Key": "k"},
        )
        for _ in range(2)
    ]
    assert twice[0].json() == twice[1].json()


@pytest.mark.parametrize("body", [b"[]", b"null", b"true"])
def test_an_answer_must_be_an_object(service: Service, body: bytes) -> None:
    review_id = service.pending(service.halted())["task_id"]
    answered = service.call("POST", f"/v1/reviews/{review_id}/answer", content=body)
    assert answered.status_code == 422


@pytest.mark.parametrize("review_id", ["x", "%00"])
def test_an_unknown_review_is_not_found(service: Service, review_id: str) -> None:
    told = answer(service, review_id, is_approve=True)
    assert (told.status_code, told.json()["error"]) == (404, "Review not found")


def test_a_token_of_one_deployment_sees_no_others_reviews(service: Service) -> None:
    secret = create_token(service.ports, "alice", "quote")[1]
    review_id = service.pending(service.halted())["task_id"]

    assert service.get("/v1/reviews", secret).json() == {"reviews": []}
    assert service.get("/v1/reviews?deployment=article", secret).status_code == 401
    assert answer(service, review_id, secret, is_approve=True).status_code == 404
