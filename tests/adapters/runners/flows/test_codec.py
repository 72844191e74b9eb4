"""Values go through JSON and come back; no code of users runs, and nothing is imported."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from orchestrator.adapters.runners.crewai.flows.codec import (
    Codec,
    Lost,
    Unreadable,
    Unstorable,
    plain,
)
from orchestrator.adapters.runners.crewai.flows.data_classes import data_classes_of, modules_of

CODE = """
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple
from pydantic import BaseModel, ConfigDict, HttpUrl, PrivateAttr, field_validator

RAN = []

class Colour(Enum):
    RED = "red"

class Point(NamedTuple):
    x: int
    y: int

@dataclass(frozen=True, slots=True)
class Slim:
    a: int
    b: list = field(default_factory=list)

@dataclass
class Wide:
    a: int
    def __post_init__(self):
        RAN.append("post_init")

class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")
    n: int = 0
    added_later: str = "default"
    _seen: set = PrivateAttr(default_factory=set)

    @field_validator("n")
    @classmethod
    def positive(cls, value):
        RAN.append("validator")
        return value

    def __init__(self, **data):
        RAN.append("init")
        super().__init__(**data)

class Outer(BaseModel):
    inner: Inner
    url: HttpUrl | None = None
"""


@pytest.fixture
def users(folder: Path) -> Iterator[ModuleType]:
    (folder / "users_values.py").write_text(CODE)
    yield importlib.import_module("users_values")
    sys.modules.pop("users_values", None)


@pytest.fixture
def codec(users: ModuleType) -> Codec:
    allowed = modules_of(data_classes_of(users))
    return Codec(lambda module: module in allowed)


def there_and_back(codec: Codec, value: object) -> Any:
    return codec.decode(json.loads(json.dumps(codec.encode(value, "value"))))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        12345678901234567890,
        1.5,
        float("inf"),
        "text",
        [1, [2, {"a": None}]],
        {"$": "no tag of ours", "b": 1},
        {1: "one", (2, 3): "two"},
        (1, "a", (2,)),
        {1, 2},
        frozenset({"a"}),
        b"\x00\xff",
        date(2026, 1, 2),
        time(3, 4, 5),
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, tzinfo=ZoneInfo("Europe/Berlin")),
        timedelta(days=1, microseconds=3),
        UUID(int=7),
        Decimal("1.10"),
        Path("/tmp/x"),  # noqa: S108 - never opened
    ],
    ids=str,
)
def test_a_plain_value_comes_back_as_it_was(codec: Codec, value: object) -> None:
    back = there_and_back(codec, value)
    assert back == value
    assert type(back) is type(value)


def test_a_users_values_come_back_without_running_their_code(
    codec: Codec, users: ModuleType
) -> None:
    inner = users.Inner(n=3, more="extra")
    inner._seen.add("x")
    value = {
        "colour": users.Colour.RED,
        "point": users.Point(1, 2),
        "slim": users.Slim(1, [2]),
        "wide": users.Wide(1),
        "outer": users.Outer(inner=inner, url="https://example.org/a"),
    }
    stored = codec.encode(value, "value")
    users.RAN.clear()
    back = codec.decode(json.loads(json.dumps(stored)))
    assert back == value
    assert back["outer"].inner._seen == {"x"}
    assert back["outer"].inner.model_fields_set == {"n", "more"}
    assert users.RAN == []


def test_what_cannot_be_stored_is_named_by_its_field(codec: Codec, users: ModuleType) -> None:
    inner = users.Inner(n=1, lock=threading.Lock())
    with pytest.raises(Unstorable) as refused:
        codec.encode({"a": [users.Outer(inner=inner)]}, "state")
    assert str(refused.value).startswith("state.a[0].inner.lock is a lock")


def test_a_circle_is_refused(codec: Codec) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(Unstorable, match="part of itself"):
        codec.encode(circle, "state")


def test_the_same_thing_twice_is_no_circle(codec: Codec) -> None:
    shared = [1]
    assert there_and_back(codec, [shared, shared]) == [[1], [1]]


@pytest.mark.parametrize(
    "stored",
    [
        {"$": "record", "t": "subprocess:Popen", "v": {"args": "ls"}},
        {"$": "record", "t": "users_values:RAN", "v": {}},
        {"$": "model", "t": "users_values:Gone", "v": {}},
        {"$": "record", "t": "users_values:Inner", "v": {}},
        {"$": "url", "t": "users_values:Wide", "v": 1},
    ],
)
def test_nothing_but_what_was_stored_is_built(codec: Codec, stored: Any) -> None:
    with pytest.raises(Unreadable):
        codec.decode(stored)


def test_nothing_is_imported(codec: Codec) -> None:
    everything = Codec(lambda _: True)
    assert "antigravity" not in sys.modules
    with pytest.raises(Unreadable):
        everything.decode({"$": "model", "t": "antigravity:X", "v": {}})
    assert "antigravity" not in sys.modules


def test_a_class_of_a_strange_module_is_refused_at_once(codec: Codec) -> None:
    with pytest.raises(Unstorable, match="of module orchestrator"):
        codec.encode(Lost("a", "b"), "state")


def test_a_placeholder_says_what_was_there(codec: Codec) -> None:
    stored = codec.encode_or_lose({"a": threading.Lock()}, "result")
    assert codec.decode(stored) == Lost("result.a", "a lock")


def test_a_field_that_was_added_since_has_its_default(codec: Codec, users: ModuleType) -> None:
    stored: Any = codec.encode(users.Inner(n=1), "value")
    del stored["v"]["added_later"]
    assert codec.decode(stored).added_later == "default"


def test_people_read_values_without_tags(codec: Codec, users: ModuleType) -> None:
    value = {"c": users.Colour.RED, "t": (1, 2), "o": users.Outer(inner=users.Inner(n=1, x=2))}
    assert plain(codec.encode(value, "value")) == {
        "c": "red",
        "t": [1, 2],
        "o": {"inner": {"n": 1, "added_later": "default", "x": 2}, "url": None},
    }
