"""Clients that send half of a request, on a real server."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn

from orchestrator.api import create_app
from orchestrator.api.connections import allow_many_connections, bounded_http

if TYPE_CHECKING:
    from conftest import Service

HALVES = {
    "nothing": b"",
    "half of its headers": b"GET /livez HTTP/1.1\r\nHost: x\r\n",
    "half of its body": b"POST /crews/article/kickoff HTTP/1.1\r\nHost: x\r\n"
    b"Authorization: Bearer SECRET\r\nContent-Length: 100\r\n\r\n{",
    "half of a body answered already": b"POST /crews/article/kickoff HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 100\r\n\r\n{",
}
WHOLE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def serving(service: Service, seconds: float) -> Iterator[tuple[str, int]]:
    """A server that waits so long for each request; gives where it is."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(service.ports, max_request_bytes=1000)
    config = uvicorn.Config(
        app, http=bounded_http(seconds), log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
    thread.start()
    yield listening.getsockname()
    server.should_exit = True
    thread.join()


@pytest.fixture
def address(service: Service) -> Iterator[tuple[str, int]]:
    """Where a server is that waits for a fifth of a second for each request."""
    with serving(service, 0.2) as found:
        yield found


def until_closed(client: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    found = b""
    while part := client.recv(4096):
        found += part
    return found


@pytest.mark.parametrize("half", HALVES)
def test_who_sends_no_whole_request_in_time_is_hung_up_on(service: Service, half: str) -> None:
    answered = "answered" in half  # which a busy machine does not do within a fifth of a second
    with (
        serving(service, 3 if answered else 0.2) as address,
        socket.create_connection(address, timeout=10) as client,
    ):
        client.sendall(HALVES[half].replace(b"SECRET", service.secret.encode()))
        told = until_closed(client)

    status = b"401" if answered else b"408"
    assert told.startswith(b"HTTP/1.1 " + status)
    assert told.count(b"HTTP/1.1 ") == 1


def test_a_trickle_does_not_keep_a_connection(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(WHOLE)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.sendall(WHOLE[:9])  # the next request, on the same connection
        assert b"408" in until_closed(client)


def test_what_takes_the_server_long_is_not_cut_off(
    service: Service, address: tuple[str, int]
) -> None:
    who = f"Host: x\r\nAuthorization: Bearer {service.secret}\r\n\r\n"
    ask = f"GET /v1/reviews/events HTTP/1.1\r\n{who}"
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(ask.encode())
        told = b""
        while b": listening" not in told:
            told += client.recv(4096)
        service.halted()
        while b"review.open" not in told:  # the feed looks every half second
            part = client.recv(4096)
            assert part, told
            told += part


def test_a_process_may_have_as_many_connections_as_it_is_allowed() -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most - 1, most))
    try:
        allow_many_connections()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
