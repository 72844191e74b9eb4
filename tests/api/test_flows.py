"""Flows over the platform's calls: status, the kinds of reviews, the callback of a notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import user_flows

from orchestrator.domain.permission import Permission
from orchestrator.usecases.access.tokens import create_token

if TYPE_CHECKING:
    from conftest import Service

HOOK = "https://hooks.example.test/asked"


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    user_flows.RAN.clear()


def test_a_flow_is_asked_about_a_step(service: Service) -> None:
    execution_id = service.halted("flow")
    found = service.status(execution_id, "flow")
    assert (found["status"], found["current_task"]) == ("pending_human_input", "review")
    assert found["progress"] == {
        "completed_tasks": 1,
        "completed": 1,
        "unit": "step",
        "current": "review",
    }
    (pending,) = found["pending"]
    told = {key: pending[key] for key in ("kind", "method_name", "message", "emit")}
    assert told == {
        "kind": "choice",
        "method_name": "review",
        "message": "Good?",
        "emit": ["go", "revise"],
    }
    assert (pending["default_outcome"], pending["round"]) == ("go", 1)


def test_an_outcome_decides_and_the_result_has_every_step(service: Service) -> None:
    execution_id = service.halted("flow")
    told = service.resume(execution_id, "flow", task_id="review", outcome="revise")
    assert (told.status_code, told.json()["status"]) == (200, "resumed")
    service.work()
    service.resume(execution_id, "flow", task_id="review", human_feedback="GO!")
    service.work()
    found = service.status(execution_id, "flow")
    assert found["status"] == "completed"
    steps = [(task["task_id"], task["name"]) for task in found["tasks"]]
    assert steps == [
        ("draft#1", "draft"),
        ("review#1", "review"),
        ("draft#2", "draft"),
        ("review#2", "review"),
        ("publish#1", "publish"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"is_approve": True}, "is_approve"), ({"outcome": "burn it"}, "outcome")],
)
def test_what_is_no_option_is_refused_with_the_options(
    service: Service, body: dict[str, Any], field: str
) -> None:
    told = service.resume(service.halted("flow"), "flow", task_id="review", **body)
    assert told.status_code == 422
    assert told.json()["details"] == {field: "choose one of: go, revise"}


def test_words_that_nobody_can_weigh_leave_the_review_with_a_note(service: Service) -> None:
    execution_id = service.halted("flow")
    told = service.resume(execution_id, "flow", task_id="review", human_feedback="well")
    assert told.json()["weighing"] is True
    assert service.pending(execution_id, "flow")["weighing"] is True
    again = service.resume(execution_id, "flow", task_id="review", human_feedback="well, well")
    assert again.status_code == 409
    service.work()
    pending = service.pending(execution_id, "flow")
    assert "go, revise" in pending["note"]
    assert "weighing" not in pending


@pytest.fixture
def published(serve: Callable[..., Service]) -> Service:
    served = serve(public_url="https://crews.example.test")
    served.load()
    return served


def test_a_notice_of_a_flow_speaks_both_generations(published: Service) -> None:
    execution_id = published.halted("flow", humanInputWebhookUrl=HOOK)
    body = published.notice(execution_id)
    assert (body["event"], body["event_type"], body["flow_id"]) == (
        "new_request",
        "new_request",
        execution_id,
    )
    assert body["request"]["emit_options"] == body["emit"] == ["go", "revise"]
    assert body["request"]["id"] == body["id"] == body["task_id"]
    assert body["callback_url"].startswith("https://crews.example.test/crewai_plus/api/v1/")


def test_who_may_only_look_reads_a_notice_without_the_right_to_answer(published: Service) -> None:
    execution_id = published.halted("flow", humanInputWebhookUrl=HOOK)
    secret = create_token(published.ports, "watcher", permission=Permission.VIEW)[1]
    (line,) = published.get(f"/v1/deliveries?execution_id={execution_id}").json()["deliveries"]
    shown = published.get(f"/v1/deliveries/{line['delivery_id']}", secret).json()["body"]

    notice = published.notice(execution_id)
    assert notice["response_token"] not in shown
    address = notice["callback_url"].partition("?")[0]
    hidden = {"response_token": "…", "callback_url": f"{address}?…"}
    assert json.loads(shown) == {**notice, **hidden}


def respond(service: Service, url: str, **body: Any) -> Any:
    path = url.removeprefix("https://crews.example.test")
    return service.client.post(path, json=body)


@pytest.mark.parametrize("body", [{}, {"source": "a scanner"}, {"is_approve": None}])
def test_a_call_that_says_nothing_decides_nothing(published: Service, body: dict[str, Any]) -> None:
    """Not even where there is a default: programs on the way open addresses, too."""
    execution_id = published.halted("flow", humanInputWebhookUrl="https://hooks.example/n")
    assert (
        respond(published, published.notice(execution_id)["callback_url"], **body).status_code
        == 422
    )
    assert published.resume(execution_id, "flow", task_id="review", **body).status_code == 422
    assert published.status(execution_id, "flow")["status"] == "pending_human_input"


def test_the_callback_decides_without_a_bearer_token(published: Service) -> None:
    execution_id = published.halted("flow", humanInputWebhookUrl=HOOK)
    url = published.notice(execution_id)["callback_url"]
    told = respond(published, url, feedback="go", source="slack")
    assert told.status_code == 200
    request = told.json()["request"]
    assert (told.json()["status"], request["status"]) == ("accepted", "responded")
    assert (request["outcome"], request["responded_via"]) == ("go", "slack")
    again = respond(published, url, feedback="revise")
    assert (again.status_code, again.json()["error"]) == (409, "already_responded")


def test_words_that_are_only_weighed_do_not_spend_the_token(published: Service) -> None:
    execution_id = published.halted("flow", humanInputWebhookUrl=HOOK)
    url = published.notice(execution_id)["callback_url"]
    assert respond(published, url, feedback="hmm").json()["request"]["outcome"] is None
    published.work()
    assert respond(published, url, feedback="revise").json()["request"]["outcome"] == "revise"


def test_a_crews_review_is_answered_by_its_callback_too(published: Service) -> None:
    execution_id = published.halted("article", humanInputWebhookUrl=HOOK)
    url = published.notice(execution_id)["callback_url"]
    assert respond(published, url, feedback="shorter").status_code == 200
    published.work()
    assert published.pending(execution_id)["round"] == 2


@pytest.mark.parametrize("token", ["", "wrong", "x" * 400])
def test_another_token_is_refused(published: Service, token: str) -> None:
    execution_id = published.halted("flow", humanInputWebhookUrl=HOOK)
    url = published.notice(execution_id)["callback_url"].partition("?")[0]
    told = respond(published, f"{url}?token={token}", feedback="go")
    assert told.status_code == 401
    assert (told.json()["error"], told.json()["message"]) == (
        "unauthorized",
        "Invalid response token",
    )


def test_a_token_of_another_review_is_refused(published: Service) -> None:
    one = published.notice(published.halted("flow", humanInputWebhookUrl=HOOK))
    other = published.notice(published.halted("flow", humanInputWebhookUrl=HOOK))
    token = one["callback_url"].rpartition("=")[2]
    url = f"{other['callback_url'].partition('?')[0]}?token={token}"
    assert respond(published, url, feedback="go").status_code == 401
