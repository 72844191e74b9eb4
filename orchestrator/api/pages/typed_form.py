"""What stands in the fields of a typed answer, and what was put into them, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.api.pages.typed_fields import YES_OR_NO, Field, Input, option
from orchestrator.errors import Invalid


def filled(
    fields: Sequence[Field], data: Any, sent: Mapping[str, str], faults: Mapping[str, Any]
) -> tuple[Field, ...]:
    """The fields with what stands in them: what was sent, else the data as they are."""
    return tuple(_filled(each, data, sent, faults) for each in fields)


def _filled(field: Field, data: Any, sent: Mapping[str, str], faults: Mapping[str, Any]) -> Field:
    parts = filled(field.parts, data, sent, faults)
    below = [why for key, why in faults.items() if key.startswith(f"{field.fault_key}.")]
    fault = faults.get(field.fault_key) or (below[0] if below and not parts else None)
    text = sent.get(field.name)
    if text is None:
        text = _as_text(field, _value_at(data, field.place))
    return replace(field, parts=parts, text=text, fault=None if fault is None else str(fault))


def _value_at(data: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _as_text(field: Field, value: Any) -> str:
    if value is None or field.input is Input.GROUP:
        return ""
    if field.input is Input.LINES and isinstance(value, list):
        return "\n".join(option(each) for each in value)
    if field.input is Input.JSON:
        return json.dumps(value, indent=2, ensure_ascii=False)
    return option(value)


def data_in(fields: Sequence[Field], before: Any, sent: Mapping[str, str]) -> Any:
    """The answer as data: what was there before, with what was put into the fields.

    Raises Invalid with what is wrong in each field that cannot be read.
    """
    faults: dict[str, str] = {}
    if len(fields) == 1 and not fields[0].place:
        found = _read(fields[0], sent, faults)
        found = _of_nothing(fields[0], _ABSENT) if found is _ABSENT else found
        found = None if found is _ABSENT else found
    else:
        found = _object(fields, before, sent, faults)
    if faults:
        sentence = "; ".join(f"{place}: {why}" for place, why in faults.items())
        raise Invalid(f"Not all fields can be read: {sentence}", faults)
    return found


_ABSENT: Any = object()


def _object(
    fields: Sequence[Field], before: Any, sent: Mapping[str, str], faults: dict[str, str]
) -> dict[str, Any]:
    found = dict(before) if isinstance(before, Mapping) else {}
    for field in fields:
        key = field.place[-1]
        old = found.pop(key, _ABSENT)
        if field.input is Input.GROUP:
            is_left = old is _ABSENT and not field.required and _are_empty(field.parts, sent)
            value: Any = _ABSENT if is_left else _object(field.parts, old, sent, faults)
        else:
            value = _read(field, sent, faults)
            value = _of_nothing(field, old) if value is _ABSENT else value
        if value is not _ABSENT:
            found[key] = value
    return found


def _are_empty(fields: Sequence[Field], sent: Mapping[str, str]) -> bool:
    return not any(sent.get(each.name, "").strip() for each in fields)


def _read(field: Field, sent: Mapping[str, str], faults: dict[str, str]) -> Any:
    """The value that was written; absent where there is none, or it cannot be read."""
    text = sent.get(field.name, "")
    if not text.strip():
        return _ABSENT
    try:
        return _value(field, text)
    except (ValueError, RecursionError) as error:
        faults[field.fault_key] = str(error)
        return _ABSENT


def _of_nothing(field: Field, old: Any) -> Any:
    """What an empty field means, by what there was before: as little as there may be."""
    if old is _ABSENT and not field.required:
        return _ABSENT
    if field.input is Input.LINES and (isinstance(old, list) or not field.nullable):
        return []
    if field.nullable:
        return None
    is_text = field.input in (Input.TEXT, Input.LONG_TEXT)
    return "" if is_text and (field.required or not field.schema.get("minLength")) else _ABSENT


def _value(field: Field, text: str) -> Any:
    match field.input:
        case Input.NUMBER:
            return _number(text.strip(), is_integer=field.schema.get("type") == "integer")
        case Input.CHOICE:
            options = field.options or {}
            if text not in options:
                raise ValueError("choose one of the options")
            return options[text]
        case Input.LINES:
            return _lines(field, text)
        case Input.JSON:
            return json.loads(text)
        case Input.DATE:
            return text.strip()
        case _:
            return text


def _lines(field: Field, text: str) -> Any:
    lines = [line for line in text.splitlines() if line.strip()]
    kind = _item_kind(field)
    return [line if kind == "string" else _scalar(line.strip(), kind) for line in lines]


def _item_kind(field: Field) -> str:
    items = field.schema.get("items")
    kind = items.get("type") if isinstance(items, Mapping) else None
    return str(kind or "string")


def _scalar(text: str, kind: str) -> Any:
    if kind == "boolean":
        if text not in YES_OR_NO:
            raise ValueError("write true or false, one to a line")
        return YES_OR_NO[text]
    return _number(text, is_integer=kind == "integer")


def _number(text: str, *, is_integer: bool) -> int | float:
    try:
        number = json.loads(text)
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{text[:100]!r} is no number")  # noqa: TRY004 - a value is wrong, no type
    if is_integer and isinstance(number, float):
        raise ValueError(f"{text[:100]!r} is no whole number")
    return number
