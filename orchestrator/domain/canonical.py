"""The one JSON encoding of everything that is stored or digested."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def encode(value: Json) -> bytes:
    """Encode as UTF-8 JSON with sorted keys and no spaces, so that equal values have equal bytes.

    Raises ValueError for NaN and infinities and TypeError for what JSON has no form for.
    """
    # A lone surrogate (a model may well produce one) has no UTF-8 form; as a JSON escape it has.
    return _ENCODER.encode(value).encode("utf-8", "backslashreplace")


def decode(data: bytes | str) -> Json:
    """Read what ``encode`` wrote."""
    value: Json = json.loads(data)
    return value


def digest(value: Json) -> str:
    """Return the SHA-256 of the canonical encoding, as ``sha256:`` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(encode(value)).hexdigest()


MOST_LEVELS = 100
"""How deep objects and lists may lie in one another in what comes in: whoever handles it later may
recurse into it."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Replace by U+FFFD what a text column cannot hold: NUL (PostgreSQL) and lone surrogates."""
    if text.isascii() and "\0" not in text:  # as most are: a search costs five times as much
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def is_storable(text: str) -> bool:
    """Whether a text column holds it as it is."""
    return not _UNSTORABLE.search(text)


def is_too_deep(value: object) -> bool:
    """Whether lists and objects are nested in it more than ``MOST_LEVELS`` deep."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return False
    return True


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def moment(at: datetime) -> str:
    """A time in its one form: UTC, to the microsecond, of fixed width."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def known_fields(noun: type[DataclassInstance], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What of a stored object the noun has fields for: a newer version may have written more."""
    names = {field.name for field in fields(noun)}
    return {name: value for name, value in stored.items() if name in names}
