"""Several reviews, decided with one form."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from browser import FORM, Browser
from policies import ANN, BEN, articles, policy

if TYPE_CHECKING:
    from conftest import Service
    from httpx import Response


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    rules = {"article": policy(ANN), "both": policy(ANN, BEN, decisions=2), "bens": policy(BEN)}
    served = serve(articles(rules))
    served.load()
    return served


@pytest.fixture
def ann(service: Service) -> Browser:
    browser = Browser(service)
    browser.sign_in(person=ANN)
    return browser


def waiting(service: Service, of: str = "article") -> dict[str, Any]:
    """A review that waits."""
    review_id = service.pending(service.halted(of), of)["task_id"]
    found: dict[str, Any] = service.get(f"/v1/reviews/{review_id}").json()
    return found


def now(service: Service, review: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = service.get(f"/v1/reviews/{review['review_id']}").json()
    return found


def shown(review: dict[str, Any]) -> str:
    """What the list's tick says of it."""
    return f"{review['review_id']} {review['output_digest']}"


def send(browser: Browser, chosen: list[str], **fields: str) -> Response:
    said = [("csrf", browser.csrf), *fields.items(), *(("review", each) for each in chosen)]
    return browser.client.post("/inbox/bulk", content=urlencode(said), headers=FORM)


def test_each_is_answered_as_if_it_were_alone(service: Service, ann: Browser) -> None:
    one, two = waiting(service), waiting(service)
    told = send(ann, [shown(one), shown(two)], choice="reject", feedback="Shorter")
    assert (told.status_code, "<h1>2 decided</h1>" in told.text) == (200, True)
    for each in (one, two):
        decided = now(service, each)
        assert (decided["approved"], decided["feedback"]) == (False, "Shorter")
        assert (decided["reviewer"], decided["channel"]) == (ANN, "inbox")


def test_what_was_not_shown_is_not_decided_on(service: Service, ann: Browser) -> None:
    one, two = waiting(service), waiting(service)
    other = [f"{one['review_id']} sha256:{'0' * 64}", two["review_id"], "no-review sha256:0"]
    told = send(ann, other, choice="approve", feedback="my words")
    assert "<h1>0 decided, 3 not</h1>" in told.text
    assert "no longer the one that was reviewed" in told.text
    assert "my words" in told.text
    assert [now(service, each)["state"] for each in (one, two)] == ["PENDING"] * 2


def test_nobody_decides_what_they_are_not_asked(service: Service, ann: Browser) -> None:
    bens, both = waiting(service, "bens"), waiting(service, "both")
    told = send(ann, [shown(bens), shown(both)], choice="approve")
    assert "<h1>1 decided, 1 not</h1>" in told.text
    assert "1 more of those who are asked" in told.text
    again = send(ann, [shown(both)], choice="approve")
    assert "<h1>0 decided, 1 not</h1>" in again.text
    assert [now(service, each)["state"] for each in (bens, both)] == ["PENDING"] * 2


def test_another_deployment_s_review_is_not_there(service: Service) -> None:
    limited = Browser(service)
    limited.sign_in(deployment="bens")
    review = waiting(service)
    told = send(limited, [shown(review)], choice="approve")
    assert "<h1>0 decided, 1 not</h1>" in told.text
    assert "write" not in told.text
    assert now(service, review)["state"] == "PENDING"


def test_who_sends_it_twice_has_won_already(service: Service, ann: Browser) -> None:
    review = waiting(service)
    send(ann, [shown(review), shown(review)], choice="approve")
    told = send(ann, [shown(review)], choice="approve")
    assert "You have decided this one already" in told.text
    assert now(service, review)["approved"] is True


def test_a_hundred_at_once_are_the_most(service: Service, ann: Browser) -> None:
    review = waiting(service)
    told = send(ann, [shown(review), *(f"x{number} y" for number in range(100))], choice="approve")
    assert told.status_code == 422
    many = [f"{number}" for number in range(1_200)]
    told = send(ann, many[:300], choice="approve", feedback="my words")
    assert (told.status_code, "my words" in told.text) == (422, True)
    assert send(ann, many, choice="approve").status_code == 422
    assert now(service, review)["state"] == "PENDING"


def test_a_form_of_elsewhere_decides_nothing(service: Service, ann: Browser) -> None:
    review = waiting(service)
    own, ann.csrf = ann.csrf, "wrong"
    assert send(ann, [shown(review)], choice="approve").status_code == 403
    ann.csrf = own
    said = {"csrf": own, "review": shown(review), "choice": "approve"}
    told = ann.send("/inbox/bulk", {"Sec-Fetch-Site": "cross-site"}, **said)
    assert told.status_code == 403
    ann.client.cookies.clear()
    assert send(ann, [shown(review)], choice="approve", feedback="kept").status_code == 401
    assert now(service, review)["state"] == "PENDING"
