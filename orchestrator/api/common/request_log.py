"""One log line for each request, and the ids that every other line of it carries."""

from __future__ import annotations

import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.common.errors import told_outside
from orchestrator.ports import Ids
from orchestrator.wire.paths import ANSWER_PAGES, SIGN_IN

log = structlog.get_logger()

HEADER = "X-Request-ID"
_USABLE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
PROBES = ("/healthz", "/livez", "/healthcheck")


async def bind_path_ids(request: Request) -> None:
    """Bind the ids in the path, so that each log line says what it is about.

    Asynchronous, and so run in the request's own context: a thread's would be gone with it.
    """
    names = {"kickoff_id": "execution_id"}
    found = request.path_params.items()
    ids = {names.get(name, name): value for name, value in found if name != "token"}
    structlog.contextvars.bind_contextvars(**ids)


class RequestLog:
    """The outermost layer: names each request, logs it, and answers 500 where code fails."""

    def __init__(self, app: ASGIApp, ids: Ids) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(Headers(scope=scope))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        await _Exchange(self._app, scope, send, request_id).run(receive)

    def _request_id(self, headers: Headers) -> str:
        given = headers.get(HEADER, "")
        return given if _USABLE.fullmatch(given) else self._ids.new()


class _Exchange:
    """One request and its response."""

    def __init__(self, app: ASGIApp, scope: Scope, send: Send, request_id: str) -> None:
        self._app = app
        self._scope = scope
        self._send_on = send
        self._request_id = request_id
        self._status: int | None = None
        self._began = time.monotonic()

    async def run(self, receive: Receive) -> None:
        try:
            await self._app(self._scope, receive, self._send)
        except Exception:
            log.exception("unexpected error")
            if self._status is not None:
                raise
            await told_outside(self._scope)(self._scope, receive, self._send)
        finally:
            self._log()

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = int(message["status"])  # an enum has another text on the console
            MutableHeaders(scope=message)[HEADER] = self._request_id
        await self._send_on(message)

    def _log(self) -> None:
        level = "debug" if self._scope["path"] in PROBES else "info"
        seconds = round(time.monotonic() - self._began, 4)
        method, path = self._scope["method"], _without_token(self._scope["path"])
        getattr(log, level)(
            "request", method=method, path=path, status=self._status, seconds=seconds
        )


def _without_token(path: str) -> str:
    """The token in the address of a mail's link is a right, and stands in no log."""
    for before in (ANSWER_PAGES, SIGN_IN):
        if path.startswith(f"{before}/"):
            return f"{before}/…"
    return path
