"""awaithumans: ``await_human`` of its client, answered over its API.

Its server is part of every use of it: it runs in this process and speaks HTTP to its client here,
so both are counted. It asks and answers only: no step before or after is stored.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import socket
import sys
import threading
import time
import uuid
from typing import Any

from awaithumans import client
from harness.child import Run, serve

AT_A_TIME = 8
"""More, and its server's single SQLite writer keeps its own client waiting too long."""

TOKEN = "a-token-of-the-bench-that-is-long-enough"  # noqa: S105 - of nothing


of_this_cycle: contextvars.ContextVar[asyncio.Future[str]] = contextvars.ContextVar("created")


def note_id(*, task_id: str, **_: Any) -> None:
    """The task was created."""
    of_this_cycle.get().set_result(task_id)


def make(arguments: dict[str, Any]) -> Run:
    """Create, wait, complete, get; ``url`` is an empty database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ.update(
        AWAITHUMANS_DB_PATH=arguments["url"].removeprefix("sqlite:///"),
        AWAITHUMANS_ADMIN_API_TOKEN=TOKEN,
        AWAITHUMANS_PAYLOAD_KEY="A" * 43,
        AWAITHUMANS_LOG_LEVEL="ERROR",
        AWAITHUMANS_URL=f"http://127.0.0.1:{port}",
    )
    serve_in_thread(port)
    client._print_waiting_banner = note_id  # noqa: SLF001 - it prints the id, and tells it nowhere
    asking = Asking(f"http://127.0.0.1:{port}")

    def run(count: int) -> None:
        asyncio.run(asking.cycles(count))

    return run


def serve_in_thread(port: int) -> None:
    """Its server, ready when this returns."""
    import uvicorn  # noqa: PLC0415
    from awaithumans.server.app import create_app  # noqa: PLC0415 - after its settings

    config = uvicorn.Config(create_app(), port=port, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    give_up = time.monotonic() + 30
    while not server.started:
        if time.monotonic() > give_up:
            sys.exit("the server of awaithumans did not start")
        time.sleep(0.05)


class Asking:
    """Somebody who asks, and somebody who answers."""

    def __init__(self, url: str) -> None:
        from pydantic import BaseModel  # noqa: PLC0415

        class Draft(BaseModel):
            text: str

        class Decision(BaseModel):
            approved: bool

        self._url, self._draft, self._decision = url, Draft, Decision

    async def cycles(self, count: int) -> None:
        """Several at a time: its server looks for the answer once a second."""
        import httpx  # noqa: PLC0415

        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers, timeout=60) as reviewer:
            for first in range(0, count, AT_A_TIME):
                some = range(first, min(first + AT_A_TIME, count))
                await asyncio.gather(*(self._cycle(reviewer) for _ in some))

    async def _cycle(self, reviewer: Any) -> None:
        from awaithumans import await_human  # noqa: PLC0415

        created: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        of_this_cycle.set(created)
        waiting = asyncio.create_task(
            await_human(
                task="Good?",
                payload_schema=self._draft,
                payload=self._draft(text="draft"),
                response_schema=self._decision,
                timeout_seconds=600,
                idempotency_key=str(uuid.uuid4()),
                server_url=self._url,
                api_key=TOKEN,
            )
        )
        task_id = await created
        body = {"response": {"approved": True}}
        answered = await reviewer.post(f"/api/tasks/{task_id}/complete", json=body)
        answered.raise_for_status()
        assert (await waiting).approved


if __name__ == "__main__":
    serve(make)
