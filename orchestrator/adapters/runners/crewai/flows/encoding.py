"""Values of users' flows as JSON: of classes that are allowed, and none of their code is run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from orchestrator.adapters.runners.crewai.flows.stored_form import (
    PLAIN,
    TAG,
    URLS,
    Unstorable,
    find_by_name,
)
from orchestrator.adapters.runners.loading import kind_of
from orchestrator.domain.canonical import Json, encode


@dataclasses.dataclass(frozen=True, slots=True)
class StateParts:
    """The parts of a flow's state, whose class is not stored."""

    parts: dict[str, Any]


class Encoding:
    """One walk through a value; knows what it is inside of, so that a circle ends it."""

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self._allows = allows
        self._inside: set[int] = set()

    def encode(self, value: Any, path: str) -> Json:
        """The stored form. Raises Unstorable, with the path of the field below ``path``."""
        kind = type(value)
        if value is None or kind in (bool, str):
            return cast("Json", value)
        if kind is int:
            return cast("int", value)
        if kind is float:
            finite = math.isfinite(value)
            return cast("float", value) if finite else {TAG: "float", "v": str(value)}
        if id(value) in self._inside:
            raise Unstorable(path, "part of itself")
        self._inside.add(id(value))
        try:
            return self._compound(value, kind, path)
        finally:
            self._inside.discard(id(value))

    def _compound(  # noqa: PLR0911 - a line for each kind of value
        self, value: Any, kind: type, path: str
    ) -> Json:
        if kind is list:
            return [self.encode(part, f"{path}[{i}]") for i, part in enumerate(list(value))]
        if kind is dict:
            return self._mapping(value, path)
        if kind in (tuple, set, frozenset):
            parts = [self.encode(part, f"{path}[{i}]") for i, part in enumerate(list(value))]
            return {
                TAG: kind.__name__,
                "v": sorted(parts, key=encode) if kind is not tuple else parts,
            }
        if kind is StateParts:
            return {TAG: "state", **self._fields(value.parts, path)}
        if isinstance(value, datetime):
            zone = {"zone": value.tzinfo.key} if isinstance(value.tzinfo, ZoneInfo) else {}
            return {TAG: "datetime", "v": value.isoformat(), **zone}
        for tag, form in PLAIN.items():
            if kind is form.kind or (tag == "path" and isinstance(value, PurePath)):
                return {TAG: tag, "v": form.store(value)}
        return self._instance(value, kind, path)

    def _mapping(self, value: dict[Any, Any], path: str) -> Json:
        items = list(value.items())
        if all(type(key) is str for key, _ in items) and TAG not in value:
            return {key: self.encode(part, f"{path}.{key}") for key, part in items}
        pairs = [
            [self.encode(key, f"{path} (a key)"), self.encode(part, f"{path}[{key!r}]")]
            for key, part in items
        ]
        return {TAG: "map", "v": pairs}

    def _instance(self, value: Any, kind: type, path: str) -> Json:
        if isinstance(value, Enum):
            held = {"is": value.value} if isinstance(value.value, str | int | float) else {}
            return {TAG: "enum", "t": self._name(value, path), "v": value.name, **held}
        if isinstance(value, BaseModel):
            name = self._name(value, path)
            return {TAG: "model", "t": name, **self._fields(parts_of_model(value), path)}
        if dataclasses.is_dataclass(value):
            name = self._name(value, path)
            return {TAG: "record", "t": name, "v": self._mapping(_record(value), path)}
        if kind.__module__ == URLS and hasattr(value, "unicode_string"):
            return {TAG: "url", "t": self._name(value, path), "v": str(value)}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            parts = [
                self.encode(part, f"{path}.{n}")
                for n, part in zip(value._fields, value, strict=True)
            ]
            return {TAG: "named", "t": self._name(value, path), "v": parts}
        raise Unstorable(path, kind_of(value))

    def _fields(self, parts: dict[str, Any], path: str) -> dict[str, Json]:
        stored: dict[str, Json] = {}
        for name, part in parts.items():
            stored[name] = self.encode(part, path)
        return stored

    def _name(self, value: Any, path: str) -> str:
        kind = type(value)
        name = f"{kind.__module__}:{kind.__qualname__}"
        if kind.__module__ != URLS and not self._allows(kind.__module__):
            raise Unstorable(path, f"{kind_of(value)} of module {kind.__module__}")
        if find_by_name(kind.__module__, kind.__qualname__) is not kind:
            raise Unstorable(path, f"{kind_of(value)}, whose class cannot be found by its name")
        return name


def parts_of_model(model: BaseModel) -> dict[str, Any]:
    """What makes an instance what it is."""
    parts: dict[str, Any] = {"v": model.__dict__.copy(), "set": sorted(model.model_fields_set)}
    if model.__pydantic_extra__:
        parts["extra"] = dict(model.__pydantic_extra__)
    if model.__pydantic_private__:
        parts["private"] = dict(model.__pydantic_private__)
    return parts


def _record(value: Any) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(value)]
    declared = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {**getattr(value, "__dict__", {}), **declared}
