"""The chain of a record: each entry has the digest of all it says and of the entry before it.

A stream is one chain: an execution's timeline, what deliveries to an endpoint wrote of executions,
or the audit log. Whoever alters, removes or moves an entry breaks its stream there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from orchestrator.domain.canonical import Json, JsonObject, decode, encode, storable
from orchestrator.domain.timeline import redacted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class Chained(DataclassInstance, Protocol):
        """An entry of a timeline or of the audit log."""

        @property
        def place(self) -> int | None:
            """Its place in its stream, from 1; None before it is chained."""

        @property
        def digest(self) -> str | None:
            """Its digest; None before it is chained, and for what no version chained."""

        @property
        def salt(self) -> str | None:
            """What people's words in it are digested with."""

        def says(self) -> JsonObject:
            """All that its digest covers, besides its place."""


E = TypeVar("E", bound="Chained")


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a stream: how many entries it has, and the newest one's digest."""

    entries: int = 0
    digest: str | None = None


def chained(head: Head, entries: Sequence[E]) -> tuple[Head, list[E]]:
    """Put entries at the end of a stream, in this order; returns its new end, and them."""
    made: list[E] = []
    for entry in entries:
        place = head.entries + 1
        digest = digest_of(head.digest, place, entry.says(), entry.salt)
        made.append(replace(entry, place=place, digest=digest))
        head = Head(place, digest)
    return head, made


_ODD = re.compile(rb"\\u(?:0000|d[89a-f])")
"""How text stands in JSON that a database keeps otherwise than it was given."""


def digest_of(previous: str | None, place: int, says: JsonObject, salt: str | None) -> str:
    """The digest of an entry, of which ``previous`` is the one before it in its stream.

    With a salt, it is that of what a purge leaves of the entry: it stays the same after one.
    """
    if salt is not None:
        says = {**says, "details": redacted(cast("JsonObject", says["details"]), salt)}
    text = encode({**says, "previous": previous, "place": place})
    if _ODD.search(text):
        text = encode({**_as_kept(says), "previous": previous, "place": place})
    return "sha256:" + hashlib.sha256(text).hexdigest()


def _as_kept(says: JsonObject) -> JsonObject:
    """The same as it comes back from the database."""
    return {name: _kept(value) for name, value in says.items()}


def _kept(value: Any) -> Json:
    return storable(value) if isinstance(value, str) else decode(encode(value))
