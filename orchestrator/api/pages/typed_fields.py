"""The fields of a typed answer, as its JSON Schema has them.

Objects one level deep are groups of fields, lists of plain values a box with one to a line; what
goes beyond that is written as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from orchestrator.wire.shown import one_line

TYPED = "typed"
"""How the names of the fields begin."""

BUTTON = "send_typed"
"""The name of the button that sends them."""

ANSWER = "answer"
"""The key of a call that stands for all fields, as faults name it."""

_LONG = 120
"""Characters from which on a text has a box of several lines."""


class Input(StrEnum):
    """What a person fills in."""

    TEXT = "text"
    LONG_TEXT = "textarea"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "select"
    LINES = "lines"
    JSON = "json"
    GROUP = "group"


YES_OR_NO = {"true": True, "false": False}
"""The values of a boolean, by what the form sends."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``place`` are the keys that lead to its value.

    ``options`` are the values to choose from, by what the form sends; ``attributes`` are those by
    which a browser checks it. ``text`` is what stands in it, ``fault`` what is wrong with that.
    """

    place: tuple[str, ...]
    label: str
    input: Input
    schema: Mapping[str, Any]
    required: bool = False
    nullable: bool = False
    help: str = ""
    options: Mapping[str, Any] | None = None
    attributes: Mapping[str, str] | None = None
    parts: tuple[Field, ...] = ()
    text: str = ""
    fault: str | None = None

    @property
    def name(self) -> str:
        """What the form calls it."""
        return ".".join((TYPED, *self.place))

    @property
    def fault_key(self) -> str:
        """What faults call it."""
        return ".".join((ANSWER, *self.place))


def is_typed(name: str) -> bool:
    """Whether a field of a form is one of a typed answer."""
    return name == TYPED or name.startswith(f"{TYPED}.")


def fields_of_schema(schema: Mapping[str, Any]) -> tuple[Field, ...] | None:
    """The fields of an object, or the one of anything else; None where it says too little."""
    root = _resolved(schema, schema)[0]
    if root.get("type") == "object" and isinstance(root.get("properties"), Mapping):
        found = tuple(_fields(schema, root, (), depth=0))
        names = [each.name for field in found for each in (field, *field.parts)]
        return found if len(set(names)) == len(names) else None
    if root.get("type") == "object" or not ({"type", "enum"} & root.keys()):
        return None
    return (_field(schema, schema, (), "Answer", required=True, depth=0),)


def _fields(
    whole: Mapping[str, Any], of: Mapping[str, Any], place: tuple[str, ...], depth: int
) -> Iterator[Field]:
    required = of.get("required", ())
    for name, part in of["properties"].items():
        if isinstance(part, Mapping):
            label = str(part.get("title") or name)
            here = (*place, str(name))
            yield _field(whole, part, here, label, required=name in required, depth=depth)


def _field(
    whole: Mapping[str, Any],
    part: Mapping[str, Any],
    place: tuple[str, ...],
    label: str,
    *,
    required: bool,
    depth: int,
) -> Field:
    schema, nullable = _resolved(whole, part)
    base = Field(
        place,
        one_line(label, 200),
        Input.JSON,
        schema,
        required,
        nullable,
        help=one_line(str(part.get("description") or schema.get("description") or ""), 500),
    )
    return replace(base, **_shape(whole, base, depth))


def _shape(whole: Mapping[str, Any], field: Field, depth: int) -> dict[str, Any]:
    """What the field's schema makes of it."""
    schema, kind = field.schema, field.schema.get("type")
    if isinstance(schema.get("enum"), list):
        return {"input": Input.CHOICE, "options": {option(each): each for each in schema["enum"]}}
    if kind == "boolean":
        return {"input": Input.CHOICE, "options": YES_OR_NO}
    if kind in ("integer", "number"):
        return {"input": Input.NUMBER, "attributes": _of_number(schema)}
    if kind == "string":
        return {"input": _of_text(schema), "attributes": _of_string(schema)}
    return _compound(whole, field, depth)


def _compound(whole: Mapping[str, Any], field: Field, depth: int) -> dict[str, Any]:
    schema, kind = field.schema, field.schema.get("type")
    if kind == "array" and _is_scalar(whole, schema.get("items")):
        items = _resolved(whole, schema["items"])[0]
        return {"input": Input.LINES, "schema": {**schema, "items": items}}
    has_parts = kind == "object" and isinstance(schema.get("properties"), Mapping)
    if has_parts and depth == 0 and field.place and not field.nullable:
        return {"input": Input.GROUP, "parts": tuple(_fields(whole, schema, field.place, 1))}
    return {}


def _resolved(whole: Mapping[str, Any], part: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """What a part says, through references within the schema; and whether it may be null."""
    nullable = False
    for _ in range(20):  # a reference may lead in a circle
        kinds = part.get("type")
        if isinstance(kinds, list) and "null" in kinds and len(kinds) == 2:  # noqa: PLR2004 - T or null
            (kind,) = (each for each in kinds if each != "null")
            return {**part, "type": kind}, True
        options = part.get("anyOf")
        if isinstance(options, list) and {"type": "null"} in options and len(options) == 2:  # noqa: PLR2004 - T or null
            (part,) = (each for each in options if each != {"type": "null"})
            nullable = True
        elif isinstance(part.get("allOf"), list) and len(part["allOf"]) == 1:
            part = part["allOf"][0]
        elif str(part.get("$ref", "")).startswith("#/"):
            part = _at(whole, str(part["$ref"]))
        else:
            break
    return part, nullable


def _at(whole: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = whole
    for step in reference.removeprefix("#/").split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _is_scalar(whole: Mapping[str, Any], items: object) -> bool:
    if not isinstance(items, Mapping):
        return False
    schema, nullable = _resolved(whole, items)
    return not nullable and schema.get("type") in ("string", "integer", "number", "boolean")


def _of_text(schema: Mapping[str, Any]) -> Input:
    if schema.get("format") == "date":
        return Input.DATE
    return Input.LONG_TEXT if int(schema.get("maxLength", 0)) > _LONG else Input.TEXT


def _of_number(schema: Mapping[str, Any]) -> dict[str, str]:
    bounds = {"min": "minimum", "max": "maximum"}
    found = {ours: str(schema[theirs]) for ours, theirs in bounds.items() if theirs in schema}
    step = schema.get("multipleOf") or ("1" if schema["type"] == "integer" else "any")
    return {**found, "step": str(step)}


def _of_string(schema: Mapping[str, Any]) -> dict[str, str]:
    """A pattern is left to us: browsers read other ones than a JSON Schema has."""
    lengths = {"minlength": "minLength", "maxlength": "maxLength"}
    return {ours: str(schema[theirs]) for ours, theirs in lengths.items() if theirs in schema}


def option(value: Any) -> str:
    """What the form sends for a value."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
