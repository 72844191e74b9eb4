"""The server rests while nothing happens, and still ends when it is told to."""

from __future__ import annotations

import os
import signal
import threading

import pytest
import requests
import uvicorn
from processes import came_true, free_port

from orchestrator.api import server


async def app(scope: dict[str, object], receive: object, send: object) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.timeout(60)
def test_a_signal_ends_its_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TICK", 3600.0)
    port = free_port()
    statuses: list[int] = []

    def is_served() -> bool:
        try:
            statuses.append(requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code)
        except requests.ConnectionError:
            return False
        return True

    def interrupt() -> None:
        came_true(is_served, 30.0)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    server.serve(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))

    assert statuses == [204]
