"""Server-sent events, from a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from listening import Server, Told, read
from structlog.testing import capture_logs

from orchestrator.api.common.feed import Feed, Listener, Right
from orchestrator.domain.timeline import Entry
from orchestrator.ports import EVERY_ENTRY
from orchestrator.usecases.access.tokens import create_token, revoke_token

if TYPE_CHECKING:
    from conftest import Service

REVIEWS = "/v1/reviews/events"


def nothing() -> None:
    """Only listen."""


@pytest.fixture
def server(service: Service) -> Iterator[Server]:
    started = Server(service)
    yield started
    started.stop()


def test_an_execution_is_heard_as_it_goes_on(service: Service, server: Server) -> None:
    execution_id = service.start()
    told = server.hear(f"/v1/executions/{execution_id}/events", service.work, "execution.halt")
    assert told.events[0] == "task_run.claim"
    assert {each["execution_id"] for each in told.data} == {execution_id}


def test_other_executions_are_not_heard(service: Service, server: Server) -> None:
    own, other = service.start(), service.start()
    told = server.hear(f"/v1/executions/{own}/events", service.work, "execution.halt")
    assert other not in str(told.data)


def test_a_deployment_is_heard(service: Service, server: Server) -> None:
    path = "/v1/deployments/article/events"
    assert "execution.create" in server.hear(path, service.halted, "execution.halt").events


def test_reviews_are_heard_and_nothing_else(service: Service, server: Server) -> None:
    def answer() -> None:
        execution_id = service.halted()
        service.resume(execution_id, task_id="write", is_approve=True)

    told = server.hear(REVIEWS, answer, "review.answer")
    assert told.events == ["review.open", "review.answer"]


def test_who_comes_back_is_told_what_it_missed(service: Service, server: Server) -> None:
    first = server.hear(REVIEWS, service.halted, "review.open")
    service.halted("quote")
    again = server.hear(REVIEWS, nothing, "review.open", **{"Last-Event-ID": str(first.ids[-1])})
    assert [each["deployment"] for each in again.data] == ["quote"]


def test_numbers_rise(service: Service, server: Server) -> None:
    path = "/v1/deployments/article/events"
    told = server.hear(path, service.halted, "execution.halt", **{"Last-Event-ID": "0"})
    assert told.ids == sorted(set(told.ids))


def test_half_a_character_ends_no_stream(service: Service, server: Server) -> None:
    """Else whoever comes back ends at the same entry for ever."""
    execution_id = service.start("doomed", inputs={"why": "half \ud800"})
    with capture_logs():
        service.work()
    path = f"/v1/executions/{execution_id}/events"
    told = server.hear(path, nothing, "execution.fail", **{"Last-Event-ID": "0"})
    assert told.data[-1]["details"]["error"].endswith("half \ud800")


def test_a_limited_token_hears_its_own_reviews_only(service: Service, server: Server) -> None:
    _, secret = create_token(service.ports, "limited", "quote")

    def halt_both() -> None:
        service.halted("article")
        service.halted("quote")

    told = server.hear(REVIEWS, halt_both, "review.open", Authorization=f"Bearer {secret}")
    assert [each["deployment"] for each in told.data] == ["quote"]


def test_a_revoked_token_hears_nothing_more(service: Service, server: Server) -> None:
    token, secret = create_token(service.ports, "limited", "quote")

    def revoke_and_halt() -> None:
        revoke_token(service.ports, token.id)
        service.halted("quote")

    told = server.hear(REVIEWS, revoke_and_halt, "never", Authorization=f"Bearer {secret}")
    assert told.events == []


def test_a_token_that_is_revoked_while_it_is_told_what_it_missed_hears_no_more(
    service: Service,
) -> None:
    """Pages are read one by one, so that a listener may be at it for long."""
    token, _ = create_token(service.ports, "limited")
    service.halted()
    listener = Listener(EVERY_ENTRY, Right(token.id))
    revoke_token(service.ports, token.id)

    async def missed() -> list[Entry]:
        return [each async for each in Feed(service.ports).replay(listener, 0, 99)]

    assert asyncio.run(missed()) == []
    assert listener.is_cut_off


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/executions/none/events", 404),
        ("/v1/deployments/none/events", 404),
        ("/v1/deployments/article/events", 401),
        ("/v1/deployments/nowhere/events", 401),
    ],
)
def test_what_may_not_be_heard(service: Service, path: str, status: int) -> None:
    _, secret = create_token(service.ports, "limited", "quote" if status == 401 else None)
    assert service.get(path, secret).status_code == status


def test_two_hundred_listeners_cost_one_poller(service: Service, server: Server) -> None:
    threads = threading.active_count()

    async def crowd() -> list[Told]:
        ready = asyncio.Barrier(201)

        async def one() -> Told:
            async with server.listen(REVIEWS) as lines:
                await ready.wait()
                return await read(lines, "review.open")

        heard = [asyncio.create_task(one()) for _ in range(200)]
        await ready.wait()
        assert server.feed.listeners == 200
        await asyncio.to_thread(service.halted)
        return await asyncio.gather(*heard)

    assert all(told.events == ["review.open"] for told in asyncio.run(crowd()))
    assert threading.active_count() - threads < 100


def test_when_nobody_listens_nothing_is_read(service: Service, server: Server) -> None:
    server.hear(REVIEWS, service.halted, "review.open")
    deadline = threading.Event()
    while server.feed.listeners and not deadline.wait(0.01):
        pass
    assert server.feed._poller is None
