"""The client, where the connection that it kept is closed just as it is used."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from orchestrator.client import Client

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"inputs": []}'


class Server:
    """Answers one request on each connection, and closes it as the next one comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while connection := self._next_connection():
            with connection:
                self.requests.append(connection.recv(65536))
                connection.sendall(ANSWER)
                self.requests.append(connection.recv(65536))

    def _next_connection(self) -> socket.socket | None:
        try:
            return self._socket.accept()[0]
        except OSError:
            return None

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_a_read_is_repeated_on_a_new_connection(server: Server) -> None:
    with Client(server.url, "token") as client:
        assert [client.inputs("plain"), client.inputs("plain")] == [[], []]


def test_a_write_is_not_repeated_behind_the_callers_back(server: Server) -> None:
    with Client(server.url, "token") as client:
        client.inputs("plain")
        with pytest.raises(requests.ConnectionError):
            client.stop("plain", "an-execution")
    assert sum(b"POST" in request for request in server.requests) == 1
