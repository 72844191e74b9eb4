"""More requests than can be worked on: a few wait, the rest is told so at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api import create_app
from orchestrator.api.common.admission import AT_WORK, AdmissionMiddleware
from orchestrator.errors import UnknownExecution

if TYPE_CHECKING:
    from conftest import Service

GET: Scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}


async def comes_true(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    while not condition():  # noqa: ASYNC110 - not everything that is waited for has an event
        await asyncio.sleep(0.01)


class Held:
    """Calls that work until they are let go."""

    def __init__(self) -> None:
        self.at_work = 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, _ports: object, execution_id: str, _deployment: str) -> None:
        with self._lock:
            self.at_work += 1
        self.go_on.wait(30)
        raise UnknownExecution(execution_id)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Asking for a status takes until it is let go."""
    calls = Held()
    monkeypatch.setattr("orchestrator.api.platform.calls.snapshot", calls)
    return calls


def test_what_nobody_can_work_on_soon_is_refused_and_probes_are_not(
    service: Service, held: Held
) -> None:
    app = create_app(service.ports, max_request_bytes=1000, max_waiting_requests=2)

    async def crowd() -> tuple[
        httpx.Response, httpx.Response, list[httpx.Response], list[httpx.Response]
    ]:
        headers = {"Authorization": f"Bearer {service.secret}"}
        transport = httpx.ASGITransport(app)
        async with (
            httpx.AsyncClient(
                transport=transport, base_url="http://api", headers=headers, timeout=30
            ) as client,
            httpx.AsyncClient(
                transport=transport,
                base_url="http://api",
                headers={"Accept": "text/html,*/*;q=0.8"},
            ) as browser,
        ):
            ask = lambda: client.get("/crews/article/status/x")  # noqa: E731 - of this test only
            working = [asyncio.create_task(ask()) for _ in range(AT_WORK)]
            await comes_true(lambda: held.at_work == AT_WORK)
            waiting = [asyncio.create_task(ask()) for _ in range(2)]
            await asyncio.sleep(0)
            refused = await ask()
            shown = await browser.post("/inbox")
            probed = [await client.get("/livez"), await client.get("/healthz")]
            held.go_on.set()
            return refused, shown, probed, await asyncio.gather(*working, *waiting)

    refused, shown, probed, others = asyncio.run(crowd())
    assert (refused.status_code, refused.json()["error"]) == (503, "Busy")
    assert int(refused.headers["Retry-After"]) > 0
    assert (shown.status_code, shown.headers["Retry-After"]) == (503, "5")
    assert "Try again shortly" in shown.text
    assert "Go back and send it again" in shown.text
    assert [answer.status_code for answer in probed] == [200, 200]
    assert {answer.status_code for answer in others} == {404}


class Client:
    """One request through an admission that has one place and lets nobody wait."""

    def __init__(self, admission: AdmissionMiddleware) -> None:
        self._admission = admission
        self.body: asyncio.Queue[Message] = asyncio.Queue()
        self.told: list[Message] = []

    async def run(self) -> None:
        async def send(message: Message) -> None:
            self.told.append(message)

        await self._admission(GET, self.body.get, send)

    @property
    def status(self) -> Any:
        return self.told[0]["status"] if self.told else None


async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
    """Begin to answer, and go on until the client says something."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await receive()


async def read_first(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer once the client has sent its body."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Fail."""
    raise LookupError


def test_who_listens_has_no_place() -> None:
    async def two() -> list[Any]:
        admission = AdmissionMiddleware(stream, most_waiting=0, at_work=1)
        first, second = Client(admission), Client(admission)
        listening = asyncio.create_task(first.run())
        await comes_true(lambda: first.status is not None)
        second.body.put_nowait({})
        await second.run()
        first.body.put_nowait({})
        await listening
        return [first.status, second.status]

    assert asyncio.run(two()) == [200, 200]


def test_who_has_yet_to_send_has_no_place() -> None:
    async def two() -> list[Any]:
        admission = AdmissionMiddleware(read_first, most_waiting=0, at_work=1)
        slow, quick = Client(admission), Client(admission)
        sending = asyncio.create_task(slow.run())
        await comes_true(lambda: not admission._places.locked() and not sending.done())
        await comes_true(lambda: bool(slow.body._getters))  # type: ignore[attr-defined]
        quick.body.put_nowait({})
        await quick.run()
        assert not slow.told
        slow.body.put_nowait({})
        await sending
        return [slow.status, quick.status]

    assert asyncio.run(two()) == [200, 200]


def test_what_fails_leaves_its_place() -> None:
    async def two() -> None:
        admission = AdmissionMiddleware(fail, most_waiting=0, at_work=1)
        for _ in range(2):
            with pytest.raises(LookupError):
                await Client(admission).run()

    asyncio.run(two())
