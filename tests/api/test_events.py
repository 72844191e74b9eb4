"""Server-sent events, from a real server."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from orchestrator.api import create_app
from orchestrator.api.v1.feed import Feed, Listener, Right
from orchestrator.domain.timeline import Entry
from orchestrator.ports import EVERY_ENTRY
from orchestrator.usecases.operations.tokens import create_token, revoke_token

if TYPE_CHECKING:
    from conftest import Service

REVIEWS = "/v1/reviews/events"


@dataclass
class Told:
    """What a listener was told."""

    ids: list[int] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)

    def take(self, line: str) -> None:
        name, _, value = line.partition(": ")
        if name == "id":
            self.ids.append(int(value))
        elif name == "event":
            self.events.append(value)
        elif name == "data":
            self.data.append(json.loads(value))


class Server:
    """The API on a port, and listeners to it."""

    def __init__(self, service: Service) -> None:
        # Hundreds that come at one moment are let in: what is shed has tests of its own.
        self.app = create_app(service.ports, max_request_bytes=1000, max_waiting_requests=1000)
        self.feed: Feed = self.app.state.feed
        self._secret = service.secret
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=300)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self.app, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        serve = lambda: self._server.run(sockets=[self._socket])  # noqa: E731 - of this thread only
        self._thread = threading.Thread(target=serve)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    @asynccontextmanager
    async def listen(self, path: str, **headers: str) -> AsyncIterator[AsyncIterator[str]]:
        """Open a stream; gives its lines once the server listens."""
        authorised = {"Authorization": f"Bearer {self._secret}", **headers}
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=30, verify=False) as client,  # noqa: S501 - no TLS here, and nothing to load for it
            client.stream("GET", path, headers=authorised) as answer,
        ):
            lines = answer.aiter_lines()
            assert await anext(lines) == ": listening"
            yield lines

    def hear(self, path: str, act: Callable[[], object], until: str, **headers: str) -> Told:
        """Listen while something is done, until an event of that name."""

        async def listen() -> Told:
            async with self.listen(path, **headers) as lines:
                await asyncio.to_thread(act)
                return await read(lines, until)

        return asyncio.run(listen())


async def read(lines: AsyncIterator[str], until: str) -> Told:
    told = Told()
    async for line in lines:
        told.take(line)
        if told.events and told.events[-1] == until and len(told.data) == len(told.events):
            return told
    return told


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
