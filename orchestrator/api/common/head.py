"""HEAD: what GET would answer, without its body."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASKED = "orchestrator.head"


def is_head(request: Request) -> bool:
    """Say whether only the headers are asked for: what has no end need not begin."""
    return _ASKED in request.scope


class HeadAsGet:
    """Has every call that takes GET take HEAD too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, as a GET where it is a HEAD."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            empty = {"body": b""} if message["type"] == "http.response.body" else {}
            await send({**message, **empty})

        await self._app({**scope, "method": "GET", _ASKED: True}, receive, send_headers)
