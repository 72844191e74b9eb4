"""How responses are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeAlias

from starlette.responses import Response, StreamingResponse

Later: TypeAlias = Callable[[], Any]
"""A part of a response that is made when its turn to be written comes."""

AT_ONCE = 256 * 1024
"""Characters of a response that go out together; a smaller one is sent whole, with its length."""


class JsonResponse(Response):
    """A JSON response. A lone surrogate, which has no UTF-8 form, goes out as the escape it was."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode; the keys keep their order, which is made for people."""
        return _bytes(_text(content))


def without_nones(body: dict[str, Any]) -> dict[str, Any]:
    """What of a body has a value."""
    return {key: value for key, value in body.items() if value is not None}


def written_as_it_goes(content: Any) -> Response:
    """A JSON response whose parts may be functions, called when their turn comes.

    So one large text is in memory at a time, however many the response has. A key is left out whose
    function returns None. What goes wrong in the first ``AT_ONCE`` characters is raised here; later
    it ends the connection, since the status is out.
    """
    parts = _joined(_pieces(content))
    begun = list(islice(parts, 2))
    if len(begun) == 1:
        return Response(begun[0], media_type=JsonResponse.media_type)
    return StreamingResponse(_in_turn(begun, parts), media_type=JsonResponse.media_type)


def _in_turn(begun: list[bytes], parts: Iterator[bytes]) -> Iterator[bytes]:
    while begun:
        yield begun.pop(0)
    yield from parts


def _pieces(content: Any) -> Iterator[str]:
    if callable(content):
        content = content()
    if isinstance(content, dict):
        before = "{"
        for key, value in content.items():
            made = value() if callable(value) else value
            if made is None and callable(value):
                continue
            yield f"{before}{_text(key)}:"
            yield from _pieces(made)
            before = ","
        yield "}" if before == "," else "{}"
    elif isinstance(content, list):
        before = "["
        for each in content:
            yield before
            yield from _pieces(each)
            before = ","
        yield "]" if before == "," else "[]"
    else:
        yield _text(content)


def _joined(pieces: Iterator[str]) -> Iterator[bytes]:
    held: list[str] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        del piece
        if length >= AT_ONCE:
            yield _taken(held)
            length = 0
    yield _taken(held)


def _taken(held: list[str]) -> bytes:
    """What is held, which is then let go: it may be large."""
    text = "".join(held)
    held.clear()
    return _bytes(text)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
