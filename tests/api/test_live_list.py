"""The waiting list as it changes, over a real server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from browser import Browser
from listening import Server, Told, read
from policies import ANN, BEN, articles, policy

from orchestrator.api.pages import live
from orchestrator.domain.session import IDLE
from orchestrator.domain.token import hash_of
from orchestrator.usecases.access.sessions import sign_in_person, sign_out
from orchestrator.usecases.access.tokens import revoke_token

if TYPE_CHECKING:
    from conftest import Service

LIST = "/inbox/events"


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    served = serve(articles({"article": policy(ANN, BEN), "other": policy(BEN)}))
    served.load()
    return served


@pytest.fixture
def server(service: Service) -> Iterator[Server]:
    started = Server(service)
    yield started
    started.stop()


@pytest.fixture
def ann(service: Service) -> Browser:
    browser = Browser(service)
    browser.sign_in(person=ANN)
    return browser


def cookie(browser: Browser) -> dict[str, str]:
    return {"Cookie": f"inbox={browser.client.cookies['inbox']}"}


def used(service: Service, browser: Browser, at: datetime) -> None:
    """When the session was used last."""
    hashed = hash_of(browser.client.cookies["inbox"])
    service.ports.store.transact(lambda tx: tx.sessions.seen(hashed, at))


def drawn(browser: Browser, path: str = "/inbox") -> str:
    """The address of the stream of a list, as the page has it."""
    (stream,) = re.findall(r'data-stream="([^"]*)"', browser.text(path))
    return str(stream).replace("&amp;", "&")


def test_a_row_comes_as_the_page_has_it_and_goes_when_it_is_decided(
    service: Service, server: Server, ann: Browser
) -> None:
    told = server.hear(drawn(ann), service.halted, "row", **cookie(ann))
    review_id, html = told.data[-1]["id"], told.data[-1]["html"]
    assert html in ann.text("/inbox")
    said = {"is_approve": True, "reviewer": BEN}
    answer = partial(service.post, f"/v1/reviews/{review_id}/answer", said)
    told = server.hear(drawn(ann), answer, "gone", **cookie(ann))
    assert told.data[-1] == {"id": review_id}


def test_what_came_between_the_page_and_its_stream_is_told(
    service: Service, server: Server, ann: Browser
) -> None:
    stream = drawn(ann)
    service.halted()
    told = server.hear(stream, lambda: None, "row", **cookie(ann))
    again = {"Last-Event-ID": str(told.ids[-1]), **cookie(ann)}
    service.halted()
    more = server.hear(stream, lambda: None, "row", **again)
    assert more.data[-1]["id"] != told.data[-1]["id"]


def test_what_waits_for_others_is_no_row(service: Service, server: Server, ann: Browser) -> None:
    def halt() -> None:
        service.halted("other")
        service.halted()

    told = server.hear(drawn(ann), halt, "row", **cookie(ann))
    rows = [data for event, data in zip(told.events, told.data, strict=True) if event == "row"]
    assert [" of article," in each["html"] for each in rows] == [True]
    told = server.hear(
        drawn(ann, "/inbox?whose=all"), partial(service.halted, "other"), "row", **cookie(ann)
    )
    assert " of other," in told.data[-1]["html"]


def test_another_deployment_is_not_heard_of(service: Service, server: Server) -> None:
    limited = Browser(service)
    limited.sign_in(deployment="article")
    assert limited.get(f"{LIST}?deployment=other").status_code == 404

    def halt() -> None:
        service.halted("other")
        service.halted()

    told = server.hear(drawn(limited), halt, "row", **cookie(limited))
    assert (told.events, " of article," in told.data[0]["html"]) == (["row"], True)


def test_whoever_came_by_their_address_hears_of_what_is_theirs_alone(
    service: Service, server: Server
) -> None:
    ann = Browser(service)
    ann.begin(sign_in_person(service.ports, ANN))

    def halt() -> None:
        service.halted("other")
        service.halted()

    told = server.hear(drawn(ann), halt, "row", **cookie(ann))
    assert told.events == ["row"]
    path = f"/v1/reviews/{told.data[0]['id']}/reassign"
    reassign = partial(service.post, path, {"to": [BEN]})
    assert server.hear(drawn(ann), reassign, "gone", **cookie(ann)).data[-1] == {
        "id": told.data[0]["id"]
    }


@pytest.mark.parametrize("how", ["signed out", "revoked", "idle"])
def test_a_stream_ends_with_its_session(
    service: Service, server: Server, ann: Browser, how: str
) -> None:
    def end() -> None:
        if how == "signed out":
            sign_out(service.ports, ann.client.cookies["inbox"])
        elif how == "revoked":
            revoke_token(service.ports, ann.token_id)
        else:
            used(service, ann, service.ports.clock.now() - IDLE)
        service.halted()

    told = server.hear(drawn(ann), end, "ended", **cookie(ann))
    assert told.events == ["ended"]


def test_who_is_not_signed_in_is_told_so_and_nothing_else(service: Service) -> None:
    told = Browser(service).get(LIST)
    assert told.headers["Content-Type"].startswith("text/event-stream")
    assert told.text == "event: ended\ndata: {}\n\n"


def test_listening_does_not_keep_a_session_alive(
    service: Service, server: Server, ann: Browser
) -> None:
    before = service.ports.clock.now() - IDLE / 2

    def go_on() -> None:
        used(service, ann, before)
        service.halted()

    server.hear(drawn(ann), go_on, "row", **cookie(ann))
    secret = hash_of(ann.client.cookies["inbox"])
    session = service.ports.store.read(lambda tx: tx.sessions.by_hash(secret))
    assert session is not None
    assert session.seen_at == before


def test_of_too_many_streams_of_one_session_the_oldest_pauses(
    service: Service, server: Server, ann: Browser
) -> None:
    async def crowd() -> Told:
        async with server.listen(drawn(ann), **cookie(ann)) as oldest:
            others = [
                asyncio.create_task(hold(server, drawn(ann), cookie(ann)))
                for _ in range(live.MOST_OF_ONE)
            ]
            told = await read(oldest, "paused")
            for each in others:
                each.cancel()
            return told

    assert asyncio.run(crowd()).events == ["paused"]


def test_a_service_that_ends_does_not_pause_the_page(server: Server, ann: Browser) -> None:
    """Its stream is over, and so a browser comes again by itself."""

    def end() -> None:
        poller = server.feed._poller
        assert poller is not None
        poller.get_loop().call_soon_threadsafe(server.feed.end)

    assert server.hear(drawn(ann), end, "never", **cookie(ann)).events == []


async def hold(server: Server, path: str, headers: dict[str, str]) -> None:
    async with server.listen(path, **headers) as lines:
        async for _ in lines:
            pass


def test_who_was_away_for_too_long_draws_the_page_anew(
    service: Service, server: Server, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = drawn(ann)
    service.halted()
    monkeypatch.setattr(live, "MOST_BEHIND", 0)
    assert server.hear(stream, lambda: None, "behind", **cookie(ann)).events == ["behind"]


def test_the_reviews_are_read_once_for_all_who_listen(
    service: Service, server: Server, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Any] = []
    look = live.LiveRows._look

    def counted(self: live.LiveRows, execution_id: str) -> live.Reading:
        reads.append(execution_id)
        return look(self, execution_id)

    monkeypatch.setattr(live.LiveRows, "_look", counted)
    monkeypatch.setattr(live, "MOST_OF_ONE", 100)
    stream = drawn(ann)

    async def crowd() -> list[Told]:
        ready = asyncio.Barrier(51)

        async def one() -> Told:
            async with server.listen(stream, **cookie(ann)) as lines:
                await ready.wait()
                return await read(lines, "row")

        heard = [asyncio.create_task(one()) for _ in range(50)]
        await ready.wait()
        await asyncio.to_thread(service.halted)
        return await asyncio.gather(*heard)

    assert all(told.events == ["row"] for told in asyncio.run(crowd()))
    assert len(reads) <= 3  # a review and those who are asked may be told of one after the other
