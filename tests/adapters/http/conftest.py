"""Receivers that misbehave, over real sockets, and the sender that has to bear them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from itertools import takewhile
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender, Limits

LOOPBACK = (ip_network("127.0.0.0/8"),)

Behaviour = Callable[[socket.socket, Event], None]


class Receiver:
    """Accepts connections and hands each to a behaviour, in a thread of its own."""

    def __init__(self, behave: Behaviour, host: str = "127.0.0.1", port: int = 0) -> None:
        self.accepted = 0
        self.stopping = Event()
        self._behave = behave
        self._listening = socket.create_server((host, port))
        self._connections = [self._listening]
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def finish(self) -> None:
        """Wait until every connection so far was served and closed."""
        for thread in self._threads[1:]:
            thread.join()

    def close(self) -> None:
        self.stopping.set()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.accepted += 1
                self._connections.append(connection)
                self._threads.append(Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            self._behave(connection, self.stopping)


def take_request(connection: socket.socket) -> bool:
    """Read one request to its end, so that closing does not reset; False when there is none."""
    with connection.makefile("rb") as stream:
        head = list(takewhile(lambda line: line != b"\r\n", stream))
        lengths = [line.split(b":")[1] for line in head if line.startswith(b"Content-Length")]
        stream.read(int(lengths[0]) if lengths else 0)
    return bool(head)


def answering(*parts: bytes) -> Behaviour:
    """Read the request, send the parts, close."""

    def behave(connection: socket.socket, stopping: Event) -> None:
        take_request(connection)
        for part in parts:
            connection.sendall(part)

    return behave


def dripping(first: bytes, drip: bytes) -> Behaviour:
    """Send the first part at once, then the drip, byte by byte and over and over."""

    def behave(connection: socket.socket, stopping: Event) -> None:
        take_request(connection)
        connection.sendall(first)
        sent = 0
        while not stopping.wait(0.02):
            connection.sendall(drip[sent % len(drip) :][:1])
            sent += 1

    return behave


def flooding(first: bytes, flood: bytes) -> Behaviour:
    """Send the first part, then the flood as long as anybody takes it."""

    def behave(connection: socket.socket, stopping: Event) -> None:
        take_request(connection)
        connection.sendall(first)
        while not stopping.is_set():
            connection.sendall(flood)

    return behave


def silent() -> Behaviour:
    """Take everything, say nothing."""

    def behave(connection: socket.socket, stopping: Event) -> None:
        while connection.recv(65536):
            pass

    return behave


def deaf() -> Behaviour:
    """Take nothing, say nothing."""

    def behave(connection: socket.socket, stopping: Event) -> None:
        stopping.wait()

    return behave


def holding(answer: bytes) -> Behaviour:
    """Give the same answer to each request of a connection."""

    def behave(connection: socket.socket, stopping: Event) -> None:
        while take_request(connection):
            connection.sendall(answer)

    return behave


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    """Make receivers; they are closed when the test is over."""
    made: list[Receiver] = []

    def make(behave: Behaviour, host: str = "127.0.0.1", port: int = 0) -> Receiver:
        made.append(Receiver(behave, host, port))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def sender() -> Iterator[Callable[..., GuardedSender]]:
    """Make senders that may reach the loopback."""
    made: list[GuardedSender] = []

    def make(
        limits: Limits | None = None, *, ca_bundle: Path | None = None, **settings: Any
    ) -> GuardedSender:
        guard = Guard(**{"allow_networks": LOOPBACK, **settings})
        made.append(GuardedSender(guard, limits, ca_bundle=ca_bundle))
        return made[-1]

    yield make
    for one in made:
        one.close()


class KeptAlive(ThreadingHTTPServer):
    """An HTTP/1.1 server that keeps connections open, and counts them and what it was sent."""

    daemon_threads = True
    disable_nagle_algorithm = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.accepted = 0
        self.received: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.accepted += 1
        super().process_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each response waits for an acknowledgement
    server: KeptAlive

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"fine")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def kept_alive() -> Iterator[KeptAlive]:
    """A well-behaved server."""
    with KeptAlive() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def resolving() -> Callable[..., Callable[[str, int], Sequence[str]]]:
    """Make a resolver that gives these answers one after the other, the last one for ever."""

    def make(*answers: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
        left = list(answers)
        return lambda *_: left.pop(0) if len(left) > 1 else left[0]

    return make


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """The URL of a server whose queue of connections is full, so that no more are made."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as waiting:
        address = server.getsockname()
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}/"


@pytest.fixture
def behaviours() -> dict[str, Callable[..., Behaviour]]:
    """The behaviours by name."""
    known = (answering, deaf, dripping, flooding, holding, silent)
    return {behaviour.__name__: behaviour for behaviour in known}
