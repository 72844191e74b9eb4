"""How long a client may take to send a request: what uvicorn itself does not bound."""

from __future__ import annotations

import asyncio
import resource
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.api.common.errors import Meaning, failure


def bounded_http(seconds: float) -> type[H11Protocol]:
    """Uvicorn's HTTP, with that long for a client to send each request, headers and body."""
    return type("BoundedHttp", (_BoundedHttp,), {"seconds": seconds})


def allow_many_connections() -> None:
    """Raise this process's limit of open files, and so of connections, as far as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _BoundedHttp(H11Protocol):
    """Hangs up on a client that owes the rest of a request for too long.

    It owes one from the moment that it connects. Between two requests uvicorn's own timer runs.
    """

    seconds: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if not self._owes_more() or self.transport.is_closing():
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.seconds, self._time_out)

    def _owes_more(self) -> bool:
        is_between_requests = self.timeout_keep_alive_task is not None
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and not is_between_requests)

    def _time_out(self) -> None:
        self._timer = None
        if self.flow.read_paused:  # it is we who do not read
            self._watch()
            return
        is_body = self.conn.their_state is h11.SEND_BODY
        if not (is_body and self.cycle.response_started):
            self.transport.write(_too_slow(self.seconds))
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _too_slow(seconds: float) -> bytes:
    status = HTTPStatus.REQUEST_TIMEOUT
    response = failure(
        Meaning(status, status.phrase, {"Connection": "close"}),
        f"The request was not sent whole within {seconds:g} s.",
    )
    headers = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers)
    line = f"HTTP/1.1 {status} {status.phrase}\r\n".encode()
    return line + headers + b"\r\n" + bytes(response.body)
