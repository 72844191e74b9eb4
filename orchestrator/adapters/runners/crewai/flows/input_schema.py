"""Compares the inputs of a flow with the JSON Schema of its state, field by field.

The part of JSON Schema that pydantic writes, without a library: the API has none of CrewAI's. What
a schema says beyond it is not looked at; pydantic itself has the last word in the worker.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.domain.canonical import Json, JsonObject, encode


def refusals(schema: JsonObject | None, inputs: JsonObject) -> dict[str, str]:
    """What is wrong with each input that the schema refuses: field to sentence, in their order."""
    if schema is None:
        return {}
    properties: Any = schema.get("properties", {})
    found: dict[str, str] = {}
    for name, value in inputs.items():
        if name in properties:
            wrong = _Check(schema).of(properties[name], value, name)
            if wrong:
                found[name] = wrong
        elif schema.get("additionalProperties") is False:
            found[name] = f"{name} is not a field of the flow's state"
    return found


class _Check:
    def __init__(self, root: JsonObject) -> None:
        self._definitions: Any = root.get("$defs", {})

    def of(self, schema: Any, value: Json, at: str) -> str | None:
        """The first thing that is wrong, as a sentence; None where nothing is."""
        if not isinstance(schema, Mapping):
            return None if schema is not False else f"{at} is not accepted"
        if "$ref" in schema:
            named = str(schema["$ref"]).rpartition("/")[2]
            return self.of(self._definitions.get(named, {}), value, at)
        return (
            self._combined(schema, value, at)
            or _constant(schema, value, at)
            or _typed(schema, value, at)
            or _bounded(schema, value, at)
            or self._inside(schema, value, at)
        )

    def _combined(self, schema: Mapping[str, Any], value: Json, at: str) -> str | None:
        for part in schema.get("allOf", ()):
            if wrong := self.of(part, value, at):
                return wrong
        choices = schema.get("anyOf") or schema.get("oneOf")
        if not choices:
            return None
        wrongs = [self.of(choice, value, at) for choice in choices]
        if None in wrongs:
            return None
        serious = [
            wrong
            for choice, wrong in zip(choices, wrongs, strict=True)
            if not (isinstance(choice, Mapping) and choice.get("type") == "null")
        ]
        return serious[0] if len(serious) == 1 else f"{at} is none of what it may be"

    def _inside(self, schema: Mapping[str, Any], value: Json, at: str) -> str | None:
        if isinstance(value, Mapping):
            return self._object(schema, value, at)
        if not isinstance(value, list):
            return None
        first = schema.get("prefixItems", ())
        for index, item in enumerate(value):
            part = first[index] if index < len(first) else schema.get("items", {})
            if wrong := self.of(part, item, f"{at}[{index}]"):
                return wrong
        return None

    def _object(self, schema: Mapping[str, Any], value: JsonObject, at: str) -> str | None:
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                return f"{at}.{name} is missing"
        for name, item in value.items():
            part = properties.get(name, schema.get("additionalProperties", {}))
            if part is False:
                return f"{at}.{name} is not accepted"
            if wrong := self.of(part, item, f"{at}.{name}"):
                return wrong
        return None


def _constant(schema: Mapping[str, Any], value: Json, at: str) -> str | None:
    if "const" in schema and not _same(schema["const"], value):
        return f"{at} must be {_told(schema['const'])}"
    if "enum" in schema and not any(_same(one, value) for one in schema["enum"]):
        return f"{at} must be one of {', '.join(_told(one) for one in schema['enum'])}"
    return None


def _same(one: Json, other: Json) -> bool:
    return encode(one) == encode(other)


def _told(value: Json) -> str:
    return encode(value).decode()


def _typed(schema: Mapping[str, Any], value: Json, at: str) -> str | None:
    wanted = schema.get("type")
    if wanted is None:
        return None
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if any(_TYPES.get(name, _anything)(value) for name in names):
        return None
    return f"{at} must be {_article(names[0])}{names[0]}"


def _article(name: str) -> str:
    return "" if name == "null" else "an " if name[:1] in tuple("aeiou") else "a "


def _anything(_value: Json) -> bool:
    return True


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: _is_number(v) and float(v) == math.floor(float(v)),  # type: ignore[arg-type]  # a number here
    "number": _is_number,
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, Mapping),
    "null": lambda v: v is None,
}

_LIMITS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda v, limit: v >= limit, "at least"),
    "maximum": (lambda v, limit: v <= limit, "at most"),
    "exclusiveMinimum": (lambda v, limit: v > limit, "more than"),
    "exclusiveMaximum": (lambda v, limit: v < limit, "less than"),
}
_LENGTHS: Mapping[str, tuple[type, Mapping[str, tuple[Callable[[int, int], bool], str]]]] = {
    "characters": (
        str,
        {
            "minLength": (lambda n, limit: n >= limit, "at least"),
            "maxLength": (lambda n, limit: n <= limit, "at most"),
        },
    ),
    "items": (
        list,
        {
            "minItems": (lambda n, limit: n >= limit, "at least"),
            "maxItems": (lambda n, limit: n <= limit, "at most"),
        },
    ),
}


def _bounded(schema: Mapping[str, Any], value: Json, at: str) -> str | None:
    if _is_number(value):
        for name, (fits, told) in _LIMITS.items():
            if name in schema and not fits(value, schema[name]):
                return f"{at} must be {told} {schema[name]}"
    for unit, (kind, lengths) in _LENGTHS.items():
        size = len(value) if isinstance(value, str | list) and isinstance(value, kind) else None
        for name, (fits, told) in lengths.items():
            if size is not None and name in schema and not fits(size, schema[name]):
                return f"{at} must have {told} {schema[name]} {unit}"
    if isinstance(value, str) and "pattern" in schema:
        return None if _matches(str(schema["pattern"]), value) else f"{at} has the wrong form"
    return None


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:  # of another dialect
        return True
