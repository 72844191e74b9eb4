"""The API without a server: what a command on the service's machine speaks to.

So a command has one form, the calls of the API, wherever the service is.
"""

from __future__ import annotations

import asyncio
from http.client import responses as reasons
from typing import Any
from urllib.parse import unquote, urlsplit

from requests import ConnectionError, PreparedRequest, Response  # noqa: A004 - as requests raises it
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from starlette.types import ASGIApp, Message, Scope


class InProcess(BaseAdapter):
    """Carries the calls of ``requests`` to an ASGI app in this process, one at a time.

    Responses are read whole: what has no end must not be called.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        """Call the app; the options of a connection do not matter here."""
        return asyncio.run(self._call(request))

    def close(self) -> None:
        """There is nothing to close."""

    async def _call(self, request: PreparedRequest) -> Response:
        body = request.body or b""
        unread = [body.encode() if isinstance(body, str) else bytes(body)]
        response = Response()
        written = bytearray()
        ended = asyncio.Event()

        async def receive() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            await ended.wait()  # nobody hangs up before
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status_code = int(message["status"])
                headers = {k.decode(): v.decode() for k, v in message["headers"]}
                response.headers = CaseInsensitiveDict(headers)
            else:
                written.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    ended.set()

        await self._app(_scope(request), receive, send)
        if not ended.is_set():
            raise ConnectionError("the response was cut short")
        response._content = bytes(written)  # noqa: SLF001 - as adapters of other protocols do
        response.encoding = "utf-8"
        response.reason = reasons.get(response.status_code, "")
        response.url, response.request = request.url or "", request
        return response


def _scope(request: PreparedRequest) -> Scope:
    parts = urlsplit(request.url or "")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), str(value).encode()) for name, value in request.headers.items()
        ],
        "client": None,
        "server": (parts.hostname, 80),
        "state": {},
    }
