"""Paths as clients join them: doubled slashes, and one at the end."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile("/{2,}")


class LenientPath:
    """Has a path mean the same with doubled slashes or a closing one.

    It is read that way, not redirected: a redirect would lose the body of a POST.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under the path that is meant."""
        if scope["type"] == "http":
            # In place: whoever is outside, such as tracing, finds the route there.
            scope["path"] = _SLASHES.sub("/", scope["path"]).rstrip("/") or "/"
        await self._app(scope, receive, send)
