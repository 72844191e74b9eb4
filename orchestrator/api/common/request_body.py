"""Reads the bodies of calls: bounded, and only after the token was checked."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from orchestrator.domain.canonical import MOST_LEVELS, digest, is_too_deep
from orchestrator.errors import Malformed, TooLarge
from orchestrator.usecases.idempotency import IdempotencyKey


async def read_body(request: Request) -> bytes:
    """Read the body, up to the limit of calls; once it was read, it is there. Raises TooLarge."""
    if not hasattr(request.state, "body"):
        limit: int = request.app.state.max_request_bytes
        request.state.body = await read_up_to(request, limit)
    body: bytes = request.state.body
    return body


async def read_up_to(request: Request, limit: int) -> bytes:
    """Read the body, and stop reading where it grows over the limit. Raises TooLarge."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise TooLarge(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(limit)
    return bytes(body)


RawBody = Annotated[bytes, Depends(read_body)]
"""Stands after the caller among a handler's parameters: they are resolved in that order."""

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same body is answered as before, and does nothing.",
    ),
]


def parse_json(raw: bytes) -> Any:
    """Parse a body, whatever its Content-Type says. Raises Malformed."""
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_not_json, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The body is not valid JSON: {_reason(error)}") from error
    _require_depth(value)
    return value


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"it nests deeper than {MOST_LEVELS} levels"
    return str(error)


def _require_depth(value: Any) -> None:
    """Whoever handles the value later may recurse into it."""
    if is_too_deep(value):
        raise Malformed(f"The body is not valid JSON: {_reason(RecursionError())}")


def key_of(text: str | None, call: str, body: Any) -> IdempotencyKey | None:
    """The idempotency key of a call; the digest tells this call and body from any other."""
    return None if text is None else IdempotencyKey(text, digest({"call": call, "body": body}))
