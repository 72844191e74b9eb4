"""The scripts of the inbox, each under a name that says what is in it: kept by browsers for ever.

``htmx.js`` is htmx 2.0.11 as its package has it, under the Zero-Clause BSD licence beside it.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from orchestrator.wire.paths import INBOX

_BASE = f"{INBOX}/assets"
_NAMES = ("htmx.js", "inbox.js")


def _named(name: str) -> tuple[str, bytes]:
    content = files(__package__).joinpath("static", name).read_bytes()
    stem, _, kind = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{kind}", content


_HASHED = {name: _named(name) for name in _NAMES}
_CONTENTS = dict(_HASHED.values())

_KEPT = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}

assets = APIRouter(prefix=_BASE, include_in_schema=False)


def asset(name: str) -> str:
    """The path of a script as it is now."""
    return f"{_BASE}/{_HASHED[name][0]}"


@assets.get("/{name}")
async def serve(name: str) -> Response:
    """A script; 404 for one that this version does not have."""
    content = _CONTENTS.get(name)
    if content is None:
        return Response(status_code=HTTPStatus.NOT_FOUND, headers={"Cache-Control": "no-store"})
    return Response(content, media_type="text/javascript", headers=_KEPT)
