"""Pages of operators: executions, receivers, deliveries, messages, deployments, doctor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from browser import HOSTILE, Browser, runs_a_script

from orchestrator.api.pages import execution_pages, listing, operations
from orchestrator.domain.permission import Permission
from orchestrator.jobs import KICKOFF
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.webhooks import deliveries as sending_again
from orchestrator.usecases.webhooks.deliver import drain

if TYPE_CHECKING:
    from conftest import Service

HOOK = "https://93.184.215.14/hook"
PAGES = ("executions", "endpoints", "deliveries", "messages", "mails", "deployments", "doctor")


@pytest.fixture
def desk(service: Service) -> Browser:
    """Somebody with a token of all deployments."""
    found = Browser(service)
    found.sign_in()
    return found


def viewer(service: Service) -> Browser:
    """Somebody who may look, and no more."""
    found = Browser(service)
    found.use(create_token(service.ports, "eye", permission=Permission.VIEW)[1])
    return found


def cancelled(service: Service) -> str:
    """The id of an endpoint that is disabled, with two deliveries that were cancelled."""
    service.start("plain", taskWebhookUrl=HOOK, crewWebhookUrl=HOOK)
    service.work()
    (endpoint,) = service.get("/v1/endpoints").json()["endpoints"]
    endpoint_id = str(endpoint["endpoint_id"])
    assert service.post(f"/v1/endpoints/{endpoint_id}/disable?reason=moved").status_code == 200
    drain(service.ports, endpoint_id, "w-1")
    return endpoint_id


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_signed_in_is_led_to_the_sign_in(service: Service, page: str) -> None:
    told = Browser(service).get(f"/inbox/{page}")
    assert told.status_code == 303
    assert told.headers["location"].startswith("/inbox/sign-in?next=")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_no_script_and_leads_to_the_others(desk: Browser, page: str) -> None:
    told = desk.get(f"/inbox/{page}")
    assert told.status_code == 200, told.text
    assert "default-src 'none'" in told.headers["content-security-policy"]
    assert re.search(rf'<a href="/inbox/{page}" aria-current="page">', told.text)
    assert 'style="' not in told.text
    assert not runs_a_script(told.text)
    assert all(f'href="/inbox/{each}"' in told.text for each in PAGES)


def test_executions_are_found_by_state_deployment_and_text(desk: Browser) -> None:
    first = desk.service.halted("article", meta={"desk": "Sports"})
    second = desk.service.start("plain")
    for query, ids in (
        ("", [second, first]),
        ("?state=PENDING_HUMAN_INPUT", [first]),
        ("?deployment=plain", [second]),
        ("?text=sports", [first]),
        ("?text=nothing", []),
    ):
        text = desk.text(f"/inbox/executions{query}")
        assert re.findall(r'href="/inbox/executions/([0-9a-f-]{36})"', text) == ids
    told = desk.get(f"/inbox/executions?text={first.upper()}")
    assert told.headers["location"] == f"/inbox/executions/{first}"
    assert desk.get("/inbox/executions?state=x").status_code == 422
    assert desk.get("/inbox/executions?cursor=x").status_code == 422


def test_lists_are_read_page_by_page(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [desk.service.start("plain") for _ in range(5)]
    for module in (listing, execution_pages, operations):
        monkeypatch.setattr(module, "PAGE", 2)
    seen, path = [], "/inbox/executions?deployment=plain"
    while path:
        text = desk.text(path)
        seen += re.findall(r'href="/inbox/executions/([0-9a-f-]{36})"', text)
        more = re.search(r'<a href="([^"]*)" rel="next"', text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == made[::-1]


def test_an_execution_has_its_picture_its_reviews_and_its_history(desk: Browser) -> None:
    execution_id = desk.service.halted()
    text = desk.text(f"/inbox/executions/{execution_id}")
    assert "<svg " in text
    assert "asks a person" in text
    assert "write, round 1</a>: waits" in text
    assert "review.open" in text or "execution.halt" in text
    assert "Checkpoints" in text
    assert "Retry from" not in text
    assert desk.get("/inbox/executions/none").status_code == 404


def test_an_execution_that_ended_shows_its_result(desk: Browser) -> None:
    execution_id = desk.service.start("plain")
    desk.service.work()
    text = desk.text(f"/inbox/executions/{execution_id}")
    assert ">done</pre>" in text
    assert "/stop" not in text


def test_an_execution_is_stopped_by_who_is_sure(desk: Browser) -> None:
    execution_id = desk.service.halted()
    path = f"/inbox/executions/{execution_id}"
    assert desk.send(f"{path}/stop").status_code == 422
    assert desk.service.status(execution_id)["status"] == "pending_human_input"
    assert desk.send(f"{path}/stop", sure="yes").headers["location"] == path
    assert desk.service.status(execution_id)["status"] == "stopped"
    assert desk.send(f"{path}/stop", sure="yes").status_code == 400


def test_a_failed_execution_is_retried(desk: Browser) -> None:
    execution_id = desk.service.start("doomed")
    desk.service.work()
    path = f"/inbox/executions/{execution_id}"
    assert "The archive is closed" in desk.text(path)
    assert desk.send(f"{path}/retry").status_code == 303
    assert desk.service.status(execution_id, "doomed")["status"] == "running"
    assert desk.send(f"{path}/retry").status_code == 409


def forms(desk: Browser) -> list[str]:
    """The paths of all that can be done about what there is."""
    failed = desk.service.start("doomed")
    desk.service.work()
    waiting = desk.service.halted()
    endpoint_id = cancelled(desk.service)
    deliveries = desk.service.get("/v1/deliveries").json()["deliveries"]
    return [
        f"/inbox/executions/{waiting}/stop",
        f"/inbox/executions/{failed}/retry",
        f"/inbox/endpoints/{endpoint_id}/enable",
        f"/inbox/endpoints/{endpoint_id}/disable",
        f"/inbox/endpoints/{endpoint_id}/replay",
        f"/inbox/deliveries/{deliveries[0]['delivery_id']}/replay",
    ]


def standing(service: Service) -> list[object]:
    paths = ("/v1/executions", "/v1/endpoints", "/v1/deliveries")
    return [service.get(path).json() for path in paths]


def test_nothing_is_done_for_a_form_of_elsewhere(desk: Browser) -> None:
    paths = forms(desk)
    before = standing(desk.service)
    for path in paths:
        assert desk.send(path, csrf="other", sure="yes").status_code == 403
        elsewhere = {"Origin": "https://evil.example"}
        assert desk.send(path, headers=elsewhere, sure="yes").status_code == 403
        assert Browser(desk.service).send(path, sure="yes").status_code == 401
    assert standing(desk.service) == before


def test_who_may_only_look_sees_no_buttons_and_changes_nothing(desk: Browser) -> None:
    paths = forms(desk)
    eye = viewer(desk.service)
    before = standing(desk.service)
    for path in paths:
        assert eye.send(path, sure="yes").status_code == 403
        shown_on = "/inbox/deliveries?state=" if "deliveries" in path else path.rpartition("/")[0]
        assert path not in eye.text(shown_on)
    assert standing(desk.service) == before
    assert eye.get("/inbox/doctor").status_code == 403


ENDPOINTS = "/inbox/endpoints"


def test_what_is_of_another_deployment_is_not_there(desk: Browser) -> None:
    paths = forms(desk)
    other = Browser(desk.service)
    other.sign_in(deployment="quote")
    for path in paths:
        assert other.send(path, sure="yes").status_code == 404
    text = "".join(other.text(f"/inbox/{page}") for page in PAGES if page != "doctor")
    assert "plain" not in text
    assert "doomed" not in text
    assert other.get(paths[0].rpartition("/")[0]).status_code == 404
    assert other.get("/inbox/executions?deployment=plain").status_code == 404
    assert other.get("/inbox/doctor").status_code == 403


def test_an_endpoint_is_enabled_and_what_was_cancelled_sent_again(desk: Browser) -> None:
    endpoint_id = cancelled(desk.service)
    assert "moved" in desk.text(ENDPOINTS)
    assert desk.send(f"{ENDPOINTS}/{endpoint_id}/enable").headers["location"] == ENDPOINTS
    assert f"{endpoint_id}/disable" in desk.text(ENDPOINTS)
    failed = desk.text("/inbox/deliveries?state=CANCELLED")
    (first, second) = re.findall(r'action="(/inbox/deliveries/[^"]*/replay)"', failed)
    told = desk.send(first)
    assert told.headers["location"] == f"/inbox/deliveries?state=&endpoint={endpoint_id}"
    assert "PENDING" in desk.text(told.headers["location"])
    left = desk.text("/inbox/deliveries?state=CANCELLED")
    assert re.findall(r'action="(/inbox/deliveries/[^"]*/replay)"', left) == [second]
    assert desk.send(first).status_code == 409
    assert "There is nothing of the kind" in desk.text("/inbox/deliveries")


def test_all_that_failed_at_an_endpoint_is_sent_again_by_who_is_sure(desk: Browser) -> None:
    endpoint_id = cancelled(desk.service)
    path = f"{ENDPOINTS}/{endpoint_id}"
    assert "Enable it to send again" in desk.text(path)
    assert desk.send(f"{path}/replay", sure="yes").status_code == 422
    desk.send(f"{path}/enable")
    assert "the receiver gets 2 again" in desk.text(path)
    assert desk.send(f"{path}/replay").status_code == 422
    assert states(desk.service) == {"CANCELLED"}

    told = desk.send(f"{path}/replay", sure="yes")

    assert "2 deliveries are being sent again." in told.text
    assert "Send again everything" not in told.text
    assert states(desk.service) == {"PENDING"}
    newest = desk.service.get("/v1/audit").json()["audit"][0]
    assert (newest["event"], newest["actor"]) == ("endpoint.replay", "token:desk")


def test_what_one_press_sends_again_is_bounded(
    desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{ENDPOINTS}/{cancelled(desk.service)}"
    desk.send(f"{path}/enable")
    monkeypatch.setattr(sending_again, "REPLAYED_AT_ONCE", 1)
    assert "1 delivery is being sent again." in desk.send(f"{path}/replay", sure="yes").text
    assert states(desk.service) == {"PENDING", "CANCELLED"}
    assert "1 delivery is being sent again." in desk.send(f"{path}/replay", sure="yes").text
    assert "0 deliveries are" in desk.send(f"{path}/replay", sure="yes").text


def states(service: Service) -> set[str]:
    return {each["state"] for each in service.get("/v1/deliveries").json()["deliveries"]}


def test_messages_say_what_became_of_them(desk: Browser) -> None:
    for version in (1, 2):
        arguments = {"v": version, "deployment": "article", "body": {"inputs": {"topic": "x"}}}
        take(desk.service.ports, Message(str(uuid4()), KICKOFF, arguments))
    assert "ACCEPTED" in desk.text("/inbox/messages")
    refused = desk.text("/inbox/messages?state=REFUSED")
    assert '<td dir="auto">ACCEPTED' not in refused
    assert "The message must have" in refused


def test_deployments_say_why_they_do_not_load(desk: Browser) -> None:
    text = desk.text("/inbox/deployments")
    assert re.search(r"article</a></td><td[^>]*>ready", text)
    assert re.search(r">broken</a></td><td[^>]*>broken", text)
    assert "nothing" in text


def test_doctor_tells_what_is_wrong_first(desk: Browser) -> None:
    signs = re.findall(r'<tr><td dir="auto">([✗✓])', desk.text("/inbox/doctor"))
    assert signs == sorted(signs, key="✗✓".index)
    assert "✗" in signs


def test_hostile_texts_do_nothing(desk: Browser) -> None:
    execution_id = desk.service.start("article", inputs={"topic": HOSTILE}, meta={"a": HOSTILE})
    desk.service.work()
    desk.service.resume(execution_id, task_id="write", is_approve=True, human_feedback=HOSTILE)
    desk.service.work()
    for path in (f"/inbox/executions/{execution_id}", "/inbox/executions?text=%3Cscript%3E"):
        text = desk.text(path)
        assert not runs_a_script(text)
        assert "<img" not in text
        assert "\u202e" not in text.replace("\\u202e", "")
