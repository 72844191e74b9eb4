"""What became of mails that came in: on the API, and on a page for those who manage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from browser import HOSTILE, Browser, runs_a_script
from replies import ANN, ask, reply, take_all, takes_replies

from orchestrator.api.pages import listing, operations
from orchestrator.domain.permission import Permission
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.intake.take_mail import store_mail

if TYPE_CHECKING:
    from conftest import Service

BEN, EVE = "ben@example.com", "eve@example.com"
PAGE = "/inbox/mails"


@pytest.fixture
def post(service: Service) -> Service:
    """Ann was asked; Eve replied in her place, then Ann did; a mail of Ben's waits to be read."""
    takes_replies(service)
    ask(service, service.halted())
    for raw in (reply("ok", sender=EVE), reply("ok")):
        store_mail(service.ports, raw)
        take_all(service)
    store_mail(service.ports, reply(HOSTILE, sender=BEN, Subject=HOSTILE))
    return service


def listed(service: Service, query: str = "") -> list[dict[str, Any]]:
    told = service.get(f"/v1/mails{query}")
    assert told.status_code == 200, told.text
    found: list[dict[str, Any]] = told.json()["mails"]
    return found


def desk(service: Service) -> Browser:
    """Somebody with a token of all deployments."""
    found = Browser(service)
    found.sign_in()
    return found


def senders(page: str) -> list[str]:
    """Whom the mails of a page are from."""
    return re.findall(r">([a-z]+@example.com)</td>", page)


def test_each_says_who_it_is_from_and_why_it_was_refused(post: Service) -> None:
    waiting, taken, refused = listed(post)
    assert [each["state"] for each in (waiting, taken, refused)] == ["WAITING", "TAKEN", "REFUSED"]
    assert (refused["sender"], refused["why"]) == (EVE, "other_sender")
    assert f"this review was put to {ANN}" in refused["reason"]
    assert refused["review_id"] == taken["review_id"]
    assert not {"why", "review_id"} & waiting.keys()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=REFUSED", [EVE]),
        (f"?sender={ANN.upper()}", [ANN]),
        ("?deployment=article", [ANN, EVE]),
        ("?deployment=quote", []),
        ("?sender=nobody", []),
        ("?review_id=none", []),
    ],
)
def test_mails_are_found_by_state_sender_deployment_and_review(
    post: Service, query: str, found: list[str]
) -> None:
    assert [each["sender"] for each in listed(post, query)] == found
    assert senders(desk(post).text(PAGE + query.replace("review_id", "review"))) == found


def test_those_of_one_review_lead_to_it(post: Service) -> None:
    review_id = listed(post, "?state=TAKEN")[0]["review_id"]
    assert len(listed(post, f"?review_id={review_id}")) == 2
    text = desk(post).text(f"{PAGE}?review={review_id}")
    assert text.count(f'<a href="/inbox/reviews/{review_id}">') == 2


def test_a_state_that_is_none_is_told(post: Service) -> None:
    assert desk(post).get(f"{PAGE}?state=x").status_code == 422


def test_mails_are_read_page_by_page(post: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = post.get("/v1/mails?limit=2").json()
    second = post.get(f"/v1/mails?limit=2&cursor={first['next']}").json()
    assert [*first["mails"], *second["mails"]] == listed(post)
    assert "next" not in second
    for module in (listing, operations):
        monkeypatch.setattr(module, "PAGE", 2)
    browser = desk(post)
    text = browser.text(PAGE)
    (more,) = re.findall(r'<a href="([^"]*)" rel="next"', text)
    assert senders(text) == [BEN, ANN]
    assert senders(browser.text(more.replace("&amp;", "&"))) == [EVE]


def test_what_a_mail_says_is_not_on_the_page(post: Service) -> None:
    text = desk(post).text(PAGE)
    assert not runs_a_script(text)
    assert "alert" not in text


@pytest.mark.parametrize(
    ("permission", "deployment", "seen"),
    [
        (Permission.VIEW, None, []),
        (Permission.RESPOND, "article", []),
        (Permission.MANAGE, "quote", []),
        (Permission.MANAGE, "article", [ANN, EVE]),
        (Permission.MANAGE, None, [BEN, ANN, EVE]),
    ],
)
def test_mails_are_for_those_who_manage_their_deployment(
    post: Service, permission: Permission, deployment: str | None, seen: list[str]
) -> None:
    """One of no deployment, which nobody has read yet, is for those who manage all."""
    browser = Browser(post)
    browser.use(create_token(post.ports, "somebody", deployment, permission=permission)[1])
    assert senders(browser.get(PAGE).text) == seen
