"""Paths as clients join them: doubled slashes, and one at the end."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile("/{2,}")


class LenientPath:
    """Has a path of the platform's calls mean the same with doubled slashes or a closing one.

    It is read that way, not redirected: a redirect would lose the body of a POST. Paths under
    ``/v1`` are as they are: an id that is missing there must not lead to another call.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under the path that is meant."""
        if scope["type"] == "http":
            # In place: whoever is outside, such as tracing, finds the route there.
            path = scope["path"]
            if not path.lstrip("/").startswith("v1/"):
                scope["path"] = _SLASHES.sub("/", path).rstrip("/") or "/"
        await self._app(scope, receive, send)
