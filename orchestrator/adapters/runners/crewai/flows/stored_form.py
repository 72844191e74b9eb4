"""The stored form of values: what stands for what, and what cannot be stored or read.

What JSON has is stored as it is; anything else is a mapping with the key ``$`` that says what it
is, and mostly a ``v``. Classes are named by their module and their name in it.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from orchestrator.domain.canonical import Json

TAG = "$"
URLS = "pydantic.networks"
"""The module whose classes every flow may store values of."""


class Unstorable(ValueError):
    """A value that has no stored form; ``path`` names its field, ``kind`` says what it is."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path} is {kind}, which cannot be stored")
        self.path = path
        self.kind = kind


class Unreadable(ValueError):
    """A stored value whose class is not there any more, or is not allowed."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands for a value that could not be stored: whoever needs it cannot go on."""

    path: str
    kind: str


class PlainForm(NamedTuple):
    """How a value that is no collection is stored, and read again."""

    kind: type
    store: Callable[[Any], Json]
    read: Callable[[Any], Any]


PLAIN: Mapping[str, PlainForm] = {
    "date": PlainForm(date, date.isoformat, date.fromisoformat),
    "time": PlainForm(time, time.isoformat, time.fromisoformat),
    "timedelta": PlainForm(
        timedelta, lambda v: [v.days, v.seconds, v.microseconds], lambda v: timedelta(*v)
    ),
    "uuid": PlainForm(UUID, str, UUID),
    "decimal": PlainForm(Decimal, str, Decimal),
    "path": PlainForm(Path, str, Path),
    "bytes": PlainForm(bytes, lambda v: base64.b64encode(v).decode(), base64.b64decode),
    "float": PlainForm(float, str, float),
}
"""By tag. A float has it only where JSON has no such number."""


def find_by_name(module: str, qualified: str) -> object:
    """What has that name in a module that is loaded; None where nothing has."""
    return reduce(
        lambda found, name: getattr(found, name, None),
        qualified.split("."),
        sys.modules.get(module),
    )
