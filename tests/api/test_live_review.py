"""The page of a review as it stands: who decides meanwhile is told to all who have it open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from browser import Browser, Desk
from listening import Server, read
from policies import ANN, BEN, CAT, articles, policy
from processes import came_true

from orchestrator.usecases.access.sessions import sign_out
from orchestrator.usecases.reviews.expire import expire_review

if TYPE_CHECKING:
    from conftest import Service


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    rules = {
        "article": policy(ANN, BEN),
        "both": policy(ANN, BEN, CAT, decisions=2),
        "other": policy(BEN),
    }
    served = serve(articles(rules))
    served.load()
    return served


@pytest.fixture
def server(service: Service) -> Iterator[Server]:
    started = Server(service)
    yield started
    started.stop()


class Watching(Desk):
    """Ann has the page of a review open, which listens."""

    def __init__(self, service: Service, server: Server, of: str = "article") -> None:
        super().__init__(service, of)
        self.server = server

    def hears(self, *acts: Callable[[], object], until: str = "state") -> list[str]:
        """How the review stands, first as the page is drawn, then after each act."""
        (stream,) = re.findall(r'data-stream="([^"]*)"', self.text(self.path))
        assert stream == f"{self.path}/events"
        cookie = {"Cookie": f"inbox={self.client.cookies['inbox']}"}

        async def listen() -> list[str]:
            async with self.server.listen(stream, **cookie) as lines:
                found = [(await read(lines, "state")).data[-1]["html"]]
                for act in acts:
                    await asyncio.to_thread(act)
                    found.append((await read(lines, until)).data[-1].get("html", ""))
                return found

        return asyncio.run(listen())

    def call(self, what: str, **said: Any) -> Callable[[], object]:
        return partial(self.service.post, f"/v1/reviews/{self.review_id}/{what}", said)


def test_it_stands_as_the_page_was_drawn(service: Service, server: Server) -> None:
    desk = Watching(service, server)
    (html,) = desk.hears()
    assert html in desk.text(desk.path)
    assert "data-may-decide" in html


def test_who_decides_meanwhile_is_told_with_what_they_said(
    service: Service, server: Server
) -> None:
    desk = Watching(service, server)
    said = {"is_approve": False, "human_feedback": "Shorter, please", "reviewer": BEN}
    _, html = desk.hears(desk.call("answer", **said))
    assert "changes wanted" in html
    assert f"answered by {BEN} via api" in html
    assert "Shorter, please" in html
    assert "data-may-decide" not in html
    assert html in desk.text(desk.path)


def test_that_it_was_withdrawn_or_expired_is_told(service: Service, server: Server) -> None:
    desk = Watching(service, server)
    assert "withdrawn" in desk.hears(desk.call("withdraw", reason="x"))[-1]
    desk = Watching(service, server)
    assert "expired" in desk.hears(partial(expire_review, service.ports, found(desk)))[-1]
    assert desk.review["state"] == "EXPIRED"


def found(desk: Desk) -> Any:
    return desk.service.ports.store.read(lambda tx: tx.reviews.get([desk.review_id]))[
        desk.review_id
    ]


def test_a_claim_that_keeps_one_from_deciding_comes_and_goes(
    service: Service, server: Server
) -> None:
    desk = Watching(service, server)
    _, claimed, free = desk.hears(desk.call("claim", person=BEN), desk.call("release", person=BEN))
    assert f"{BEN} has claimed this review" in claimed
    assert "data-may-decide" not in claimed
    assert "data-may-decide" in free


def test_a_vote_of_several_is_told(service: Service, server: Server) -> None:
    desk = Watching(service, server, "both")
    vote = desk.call("answer", is_approve=True, human_feedback="secret so far", reviewer=BEN)
    html = desk.hears(vote)[-1]
    assert f"Decided so far: {BEN}" in html
    assert "data-may-decide" in html
    assert "secret" not in html


def test_one_is_told_that_others_are_asked_instead(service: Service, server: Server) -> None:
    desk = Watching(service, server)
    html = desk.hears(desk.call("reassign", to=[BEN]))[-1]
    assert "is not asked in this review any more" in html
    assert "data-may-decide" not in html


def test_what_changes_nothing_for_the_page_is_not_told(service: Service, server: Server) -> None:
    desk = Watching(service, server)
    quiet = desk.call("snooze", person=BEN, until="2999-01-01T00:00:00+00:00")

    def act() -> None:
        before = server.feed.passed_on
        quiet()
        assert came_true(lambda: server.feed.passed_on > before or None, 30)
        desk.call("answer", is_approve=True, reviewer=BEN)()

    assert "approved" in desk.hears(act)[-1]


def test_it_ends_with_the_session(service: Service, server: Server) -> None:
    desk = Watching(service, server)

    def end() -> None:
        sign_out(service.ports, desk.client.cookies["inbox"])
        service.halted()

    desk.hears(end, until="ended")


def test_the_stream_is_for_those_who_may_see_the_page(service: Service) -> None:
    desk = Desk(service, "other", person=ANN, deployment="article")
    assert desk.get(f"{desk.path}/events").status_code == 404
    told = Browser(service).get(f"{desk.path}/events")
    assert told.text == "event: ended\ndata: {}\n\n"


def test_a_page_on_which_nothing_can_change_does_not_listen(service: Service) -> None:
    desk = Desk(service)
    assert "data-stream" in desk.text(desk.path)
    desk.send(desk.path, choice="approve")
    assert "data-stream" not in desk.text(desk.path)
