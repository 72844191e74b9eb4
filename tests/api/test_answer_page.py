"""The page that a mail links to: looking changes nothing, its form decides, once."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import structlog
from browser import HOSTILE
from links import Link
from policies import ANN, BEN, policy
from structlog.testing import capture_logs

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment

if TYPE_CHECKING:
    from conftest import Service


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """The API, with reviews of a crew that go to one person, to two, and careful ones; a flow's."""
    rules = {
        "article": ("api_test_crews:article", policy(ANN, BEN)),
        "both": ("api_test_crews:article", policy(ANN, BEN, decisions=2)),
        "careful": ("api_test_crews:article", policy(ANN, careful=True)),
        "flow": ("user_flows:letter", policy(ANN)),
    }
    declared = {
        name: Deployment(name, RunnerKind.FUNCTIONS, target, review_policy=rule)
        for name, (target, rule) in rules.items()
    }
    served = serve(DeploymentFile(declared, "article"))
    served.load()
    return served


def test_looking_changes_nothing_however_often(service: Service) -> None:
    link = Link(service)
    for method in ("GET", "HEAD"):
        for query in ("", "?choice=approve", "?choice=reject"):
            for agent in ("Mozilla/5.0", "GoogleImageProxy", "SafeLinks", "Slackbot-LinkExpanding"):
                assert link.open(query, method, headers={"User-Agent": agent}).status_code == 200
    assert link.review["state"] == "PENDING"
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert link.open("?choice=approve", method).status_code == 405
    assert link.review["state"] == "PENDING"


def test_the_form_decides_once_and_the_second_is_told_who_won(service: Service) -> None:
    link = Link(service)
    sent = link.send(choice="approve", feedback="Go.", output_digest=link.review["output_digest"])
    assert sent.status_code == 303
    decided = link.review
    assert (decided["approved"], decided["feedback"]) == (True, "Go.")
    assert (decided["reviewer"], decided["channel"]) == (ANN, "link")
    again = link.send(choice="reject", feedback="But I wrote this!")
    assert again.status_code == 409
    assert "answered by ann@example.com" in again.text
    assert "But I wrote this!" in again.text
    assert "Nothing more is asked of you" in link.open().text
    assert link.review["approved"] is True


def test_who_is_asked_anew_may_still_use_the_earlier_link(service: Service) -> None:
    link = Link(service)
    service.post(f"/v1/reviews/{link.review_id}/reassign", json={"to": [BEN]})
    assert "Others are asked instead of you" in link.open().text
    service.post(f"/v1/reviews/{link.review_id}/reassign", json={"to": [ANN, BEN]})
    assert 'name="choice"' in link.open().text
    assert link.send(choice="approve").status_code == 303


def test_changes_are_asked_for_and_the_next_round_has_another_link(service: Service) -> None:
    link = Link(service)
    link.send(choice="reject", feedback="Shorter.\r\nMuch.")
    assert link.review["feedback"] == "Shorter.\nMuch."
    service.work()
    assert "Nothing more is asked" in link.open().text
    assert service.pending(link.execution_id)["round"] == 2


def test_a_text_is_edited_and_approved(service: Service) -> None:
    link = Link(service)
    said = {"choice": "approve", "edited_output": "My own\r\ntext", "edit": "yes"}
    told = link.send(**said)
    assert (told.status_code, link.review["state"]) == (200, "PENDING")
    assert "<ins>My own\ntext</ins>" in told.text
    (confirmed,) = re.findall(r'name="confirmed" value="([^"]*)"', told.text)
    other = link.send(**{**said, "edited_output": "Another"}, confirmed=confirmed)
    assert (other.status_code, link.review["state"]) == (200, "PENDING")
    assert link.send(**said, confirmed=confirmed).status_code == 303
    assert (link.review["approved"], link.review["edited"]) == (True, True)


def test_an_edited_text_that_was_not_meant_to_count_does_not(service: Service) -> None:
    link = Link(service)
    link.send(choice="approve", edited_output="My own text")
    assert link.review["edited"] is False


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"choice": "maybe"},
        {"choice": "approve", "output_digest": "sha256:another"},
        {f"f{number}": "x" for number in range(20)},
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_lost(
    service: Service, fields: dict[str, str]
) -> None:
    link = Link(service)
    told = link.send(feedback="keep me", **fields)
    assert told.status_code == 422
    assert 'role="alert"' in told.text
    assert "keep me" in told.text or len(fields) == 20
    assert link.review["state"] == "PENDING"


def test_what_was_written_is_given_back_while_the_database_is_away(service: Service) -> None:
    link = Link(service)
    service.lose_database()
    told = link.send(choice="reject", feedback="My long thoughts.")
    assert told.status_code == 503
    assert "cannot be used just now" in told.text
    assert '<pre dir="auto" tabindex="0">My long thoughts.</pre>' in told.text


def test_a_careful_review_wants_a_typed_word(service: Service) -> None:
    link = Link(service, "careful")
    text = link.open().text
    assert "type <strong>write</strong>" in text
    first_button = re.findall(r"<button[^>]*>", text)[0]  # what Enter in the field presses
    assert first_button == "<button disabled hidden>"
    for word in ("", "yes", "writ"):
        assert link.send(choice="approve", word=word).status_code == 422
    assert link.review["state"] == "PENDING"
    assert link.send(choice="approve", word=" Write ").status_code == 303
    assert link.review["approved"] is True


def test_two_people_decide_by_their_own_links(service: Service) -> None:
    link = Link(service, "both")
    assert "2 people have to agree" in link.open().text
    assert "Edit the text" not in link.open().text
    link.send(choice="approve")
    assert "Others still have to decide" in link.open().text
    assert link.send(choice="approve").status_code == 403
    link.become(BEN)
    link.send(choice="approve")
    assert link.review["state"] == "ANSWERED"


@pytest.mark.parametrize("option", ["send", "in_words", "revise"])
def test_a_flow_s_options_are_its_buttons(service: Service, option: str) -> None:
    link = Link(service, "flow")
    text = link.open(f"?choice={option}").text
    buttons = re.findall(r'<button name="(\w+)" value="([^"]*)"( class="chosen")?', text)
    options = [each for each in buttons if each[0] == "choice"]
    assert [each[1] for each in options] == link.review["options"]
    assert [each[1] for each in options if each[2]] == [option]
    assert buttons[-1] == ("in_words", "yes", "")
    assert link.send(choice=option).status_code == 303
    assert link.review["outcome"] == option


def test_words_are_weighed_where_no_option_is_chosen(service: Service) -> None:
    link = Link(service, "flow")
    assert link.send(in_words="yes", feedback="Hm.").status_code == 303
    assert link.review["weighing"] is True
    assert Link(service).send(in_words="yes", feedback="Hm.").status_code == 422


def test_a_text_that_is_too_long_for_a_page_is_not_edited_there(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(service)
    assert "Edit the text" in link.open().text
    monkeypatch.setattr("orchestrator.api.pages.answer_form.LONGEST_OUTPUT", 3)
    assert "Edit the text" not in link.open().text


def test_a_text_that_no_form_could_send_is_not_edited_there(service: Service) -> None:
    """A form has nine bytes for a Chinese character, and a browser sends all of its fields."""
    limited = replace(service.ports, max_request_bytes=service.limit)
    service.clients[0].app.state.ports = limited  # type: ignore[attr-defined]
    link = Link(service, inputs={"topic": "文" * 2_500})
    fields = re.findall(
        r'<textarea[^>]* name="(\w+)".*?>\n(.*?)</textarea>', link.open().text, re.DOTALL
    )
    assert link.send(**dict(fields), choice="approve").status_code == 303
    assert link.review["approved"] is True


@pytest.mark.parametrize("token", ["x", "a" * 32, "a" * 201, "%00", "..%2f..", HOSTILE])
def test_another_token_leads_to_nothing(service: Service, token: str) -> None:
    link = Link(service)
    link.path = f"/r/{token}"
    for told in (link.open(), link.send(choice="approve")):
        assert told.status_code in {404, 405, 422}
        is_page = told.headers["Content-Type"].startswith("text/html")
        assert not (is_page and "<script" in told.text)
    assert link.review["state"] == "PENDING"


def test_hostile_texts_do_nothing(service: Service) -> None:
    link = Link(service)
    link.send(choice="reject", feedback=HOSTILE)
    service.work()
    link.review_id = service.pending(link.execution_id)["task_id"]
    link.become(ANN)
    for text in (
        link.open(f"?{urlencode({'choice': HOSTILE})}").text,
        link.send(feedback=HOSTILE).text,
    ):
        assert "&lt;script&gt;" in text
        assert not re.search(r"<(script|img|iframe|a )", text)
        assert "\u202e" not in re.sub(r"<textarea.*?</textarea>", "", text, flags=re.DOTALL)


def test_the_page_leaks_nothing_and_runs_nothing(service: Service) -> None:
    link = Link(service)
    told = link.open()
    assert told.headers["Referrer-Policy"] == "no-referrer"
    assert told.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert told.headers["Cache-Control"] == "no-store"
    policy_ = told.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy_
    assert "script" not in policy_
    (style,) = re.findall(r"<style>(.*?)</style>", told.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy_
    assert link.path not in told.text


def test_no_log_has_the_token(service: Service) -> None:
    link = Link(service)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        for method in ("GET", "HEAD", "PUT"):
            link.open("", method)
        link.send(choice="approve")
        link.service.client.get(f"{link.path}/more")
    assert lines
    assert link.path.removeprefix("/r/") not in str(lines)
