"""The server rests while nothing happens, and still ends when it is told to."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import requests
import uvicorn
from processes import came_true, free_port

from orchestrator.api import create_app, server

if TYPE_CHECKING:
    from conftest import Service

GRACE = 600
"""Seconds: longer than the test may take."""


async def app(scope: dict[str, object], receive: object, send: object) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def is_there(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


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


@pytest.mark.timeout(60)
def test_who_listens_keeps_no_server_from_ending(service: Service) -> None:
    """Else it takes no calls for all of its grace, for one window of the inbox that is open."""
    api = create_app(service.ports, max_request_bytes=1000)
    port = free_port()
    told: list[bytes] = []

    def listen() -> None:
        bearer = {"Authorization": f"Bearer {service.secret}"}
        url = f"http://127.0.0.1:{port}/v1/reviews/events"
        came_true(lambda: is_there(port), 30.0)
        with requests.get(url, headers=bearer, stream=True, timeout=30) as answer:
            lines = answer.iter_lines()
            told.append(next(lines))
            os.kill(os.getpid(), signal.SIGINT)
            told.extend(lines)
        told.append(b"the end")

    listener = threading.Thread(target=listen)
    listener.start()
    config = uvicorn.Config(api, port=port, log_config=None, timeout_graceful_shutdown=GRACE)
    server.serve(config, api.state.feed.end)
    listener.join()

    assert (told[0], told[-1]) == (b": listening", b"the end")
