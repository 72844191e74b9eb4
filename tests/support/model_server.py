"""A model behind an OpenAI-compatible HTTP server, which answers what a test says."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


class ModelServer:
    """Listens on a free port of this machine while its context lasts.

    ``requests`` are the bodies that it got; ``status`` is what it answers, as OpenAI would. Where
    a ``key`` is given, it answers 401 to everybody who has another one.
    """

    def __init__(self, status: int = 200, *, key: str | None = None) -> None:
        self.status = status
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the model says: a text, once it has been told what each of its tools gave."""
        self.requests.append(body)
        if self.status != 200:
            return {"error": {"message": "the model is away", "code": self.status}}
        message: dict[str, Any] = {"role": "assistant", "content": "an answer"}
        if body.get("tools") and all(said["role"] != "tool" for said in body["messages"]):
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [_call(body["tools"][0])],
            }
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {
            "id": "c-1",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": USAGE,
        }

    def reply(self, authorization: str | None, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Check the caller's key, then answer: the status and the body."""
        if self.key is None or authorization == f"Bearer {self.key}":
            return self.status, self.answer(body)
        error = {"message": "Incorrect API key provided.", "code": "invalid_api_key"}
        return 401, {"error": error}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # else each response waits for an acknowledgement

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                status, answer = server.reply(self.headers["Authorization"], body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        return Handler


def _call(tool: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool whose parameters are whole numbers."""
    function = tool["function"]
    arguments = dict.fromkeys(function["parameters"]["properties"], 2)
    called = {"name": function["name"], "arguments": json.dumps(arguments)}
    return {"id": "call-1", "type": "function", "function": called}
