"""A receiver of webhooks: a real HTTP server that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One request: the last part of its path, its headers and its bytes."""

    kind: str
    headers: Message
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        """What was sent, as JSON."""
        parsed: dict[str, Any] = json.loads(self.content)
        return parsed

    @property
    def id(self) -> str:
        """The delivery's id, the same on every attempt."""
        return str(self.headers["webhook-id"])


class Receiver:
    """Listens on a free port of this machine while its context lasts, and answers 200."""

    def __init__(self) -> None:
        self._received: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def webhooks(self) -> dict[str, str]:
        """The keys of a call's body that have every webhook sent here."""
        return {**self.without_human_input, "humanInputWebhookUrl": f"{self.url}/human_input"}

    @property
    def without_human_input(self) -> dict[str, str]:
        """The same for the kinds that a resume has to name again."""
        return {"taskWebhookUrl": f"{self.url}/task", "crewWebhookUrl": f"{self.url}/crew"}

    def of(self, execution_id: str, kind: str | None = None) -> list[Received]:
        """What came for an execution, in the order in which it came."""
        return [
            each
            for each in self._received
            if each.body["kickoff_id"] == execution_id and kind in (None, each.kind)
        ]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        received = self._received

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each response waits for an acknowledgement

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                content = self.rfile.read(length)
                if len(content) < length:  # who sent it died meanwhile: nobody got it
                    self.close_connection = True
                    return
                received.append(Received(self.path.rpartition("/")[2], self.headers, content))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        return Handler
