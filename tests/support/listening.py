"""The API on a port of its own, and those who listen to it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

from orchestrator.api import create_app
from orchestrator.api.common.feed import Feed

if TYPE_CHECKING:
    from conftest import Service


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
        bearer = {"Authorization": f"Bearer {self._secret}"}
        authorised = headers if "Cookie" in headers else {**bearer, **headers}
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
