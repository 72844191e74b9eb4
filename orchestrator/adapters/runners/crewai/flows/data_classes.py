"""Classes that hold data, and the modules they come from: of these, a flow may store values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import cast

from pydantic import BaseModel


def modules_of(classes: Iterable[type]) -> set[str]:
    """The modules of classes, of what they derive from, and of what their fields hold."""
    found: set[str] = set()
    seen: set[type] = set()
    waiting = list(classes)
    while waiting:
        one = waiting.pop()
        if one in seen or one.__module__ in ("builtins", "typing"):
            continue
        seen.add(one)
        found.add(one.__module__)
        waiting.extend(base for base in one.__mro__[1:] if _holds_data(base))
        waiting.extend(_classes_in(_annotations(one)))
    return found


def _holds_data(one: object) -> bool:
    if not isinstance(one, type):
        return False
    if issubclass(one, BaseModel):
        return one is not BaseModel
    return dataclasses.is_dataclass(one) or (issubclass(one, Enum) and one.__module__ != "enum")


def _annotations(one: type) -> Iterator[object]:
    if issubclass(one, BaseModel):
        yield from (field.annotation for field in one.model_fields.values())
    elif dataclasses.is_dataclass(one):
        yield from (field.type for field in dataclasses.fields(one))


def _classes_in(annotations: Iterable[object]) -> Iterator[type]:
    for annotation in annotations:
        if _holds_data(annotation):
            yield cast("type", annotation)
        yield from _classes_in(getattr(annotation, "__args__", ()))


def data_classes_of(module: object) -> list[type]:
    """The classes for data that a module names, its own and imported ones."""
    return [named for named in vars(module).values() if _holds_data(named)]
