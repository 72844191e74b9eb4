"""Many clients at once over HTTP: as little of a client as there can be, in a process of its own.

``run`` takes ``call`` (kickoff, resume or bare). Kickoffs keep their ids for the resumes.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import Any

from harness.child import Run, serve

CLOSED_AFTER = 500
"""A server closes the connection after an error of its own."""

CLOSED = 599
"""What is noted where a connection ended without an answer."""


class Clients:
    """So many connections that are kept, to one service."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._ids: list[str] = []

    def run(self, count: int, call: str) -> dict[str, float]:
        """Send ``count`` requests; rate, latencies in ms, and what was answered."""
        return asyncio.run(self._run(count, call))

    async def _run(self, count: int, call: str) -> dict[str, float]:
        requests = [self._request(call) for _ in range(count)]
        answers: list[tuple[float, int, bytes]] = []
        clients = [self._client(requests, answers) for _ in range(self._arguments["clients"])]
        began = time.perf_counter()
        await asyncio.gather(*clients)
        seconds = time.perf_counter() - began
        if call == "kickoff":
            self._ids += [
                json.loads(body)["kickoff_id"] for _, status, body in answers if status == 200
            ]
        taken = sorted(each[0] for each in answers)
        return {
            "rate": count / seconds,
            "median": taken[len(taken) // 2] * 1000,
            "p99": taken[math.ceil(0.99 * len(taken)) - 1] * 1000,
            "5xx": sum(each[1] >= 500 for each in answers),
            "refused": sum(400 <= each[1] < 500 for each in answers),
        }

    def _request(self, call: str) -> bytes:
        body: dict[str, Any] = {"inputs": {}}
        if call == "resume":
            body = {"execution_id": self._ids.pop(), "task_id": "write", "is_approve": True}
            body["human_feedback"] = "fine"
        content = json.dumps(body).encode()
        path = self._arguments["path"].format(call=call)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "
            f"{self._arguments['token']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    async def _client(self, requests: list[bytes], answers: list[tuple[float, int, bytes]]) -> None:
        connection = await self._connect()
        while requests:
            request = requests.pop()
            began = time.perf_counter()
            try:
                connection[1].write(request)
                status, body = await answer(connection[0])
            except (ConnectionError, asyncio.IncompleteReadError):
                status, body = CLOSED, b""
            answers.append((time.perf_counter() - began, status, body))
            if status >= CLOSED_AFTER:
                connection[1].close()
                connection = await self._connect()
        connection[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._arguments["port"])


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One response: its status and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


def make(arguments: dict[str, Any]) -> Run:
    """``port``, ``token``, ``path`` with ``{call}`` in it, and how many ``clients``."""
    return Clients(arguments).run


if __name__ == "__main__":
    serve(make)
