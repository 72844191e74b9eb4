"""Values of users' flows as JSON, and back: no code of theirs is run, and nothing is imported.

What JSON has is stored as it is; anything else is a mapping with the key ``$`` that says what it
is. Classes are looked up by name among the modules that are loaded and allowed. Instances are built
without constructors and validators: pydantic models with their private attributes and the set of
fields that were set, dataclasses, enums. What cannot be stored is refused by the path of its field.

Two references to one object come back as two objects.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import reduce
from pathlib import Path, PurePath
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from orchestrator.adapters.runners.loading import kind_of
from orchestrator.domain.canonical import Json, JsonObject, encode

TAG = "$"
_URLS = "pydantic.networks"
_TRIES_WHILE_OTHERS_WRITE = 20


class Unstorable(ValueError):
    """A value that has no stored form; ``path`` names its field, ``kind`` says what it is."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path} is {kind}, which cannot be stored")
        self.path = path
        self.kind = kind


class Unreadable(ValueError):
    """A stored value whose class is not there any more, or is not allowed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    """Stands for a value that could not be stored: whoever needs it cannot go on."""

    path: str
    kind: str


@dataclasses.dataclass(frozen=True, slots=True)
class Codec:
    """Stores and restores values whose classes come from the modules that ``allows`` accepts."""

    allows: Callable[[str], bool]

    def encode(self, value: object, path: str) -> Json:
        """The stored form. Raises Unstorable, with the path of the field below ``path``."""
        for _ in range(_TRIES_WHILE_OTHERS_WRITE):
            try:
                return _Encoding(self.allows).encode(value, path)
            except RecursionError as error:
                raise Unstorable(path, "nested too deeply") from error
            except RuntimeError:  # another thread changed a collection meanwhile
                continue
        raise Unstorable(path, "changed by another method all the time")

    def encode_or_lose(self, value: object, path: str) -> Json:
        """The stored form, or that of a placeholder."""
        try:
            return self.encode(value, path)
        except Unstorable as error:
            return {TAG: "lost", "at": error.path, "kind": error.kind}

    def decode(self, stored: Json) -> Any:
        """The value again; a ``Lost`` for a placeholder. Raises Unreadable."""
        if isinstance(stored, Mapping):
            tag = stored.get(TAG)
            if tag is None:
                return {key: self.decode(part) for key, part in stored.items()}
            return self._tagged(str(tag), stored)
        if isinstance(stored, list | tuple):
            return [self.decode(part) for part in stored]
        return stored

    def encode_fields(self, state: object, path: str) -> JsonObject:
        """The stored form of a flow's state: its class is that of the instance restored into."""
        return cast("JsonObject", self._state_or(self.encode, state, path))

    def encode_fields_or_lose(self, state: object, path: str) -> JsonObject:
        """The same, or that of a placeholder for the whole state."""
        return cast("JsonObject", self._state_or(self.encode_or_lose, state, path))

    def _state_or(
        self, encode_value: Callable[[object, str], Json], state: object, path: str
    ) -> Json:
        parts = _parts_of_model(state) if isinstance(state, BaseModel) else {"v": state}
        return encode_value(_State(parts), path)

    def decode_into(self, stored: JsonObject, fresh: Any) -> Any:
        """A state like ``fresh``, with the fields that were stored.

        Raises Unstorable where the state could not be stored, Unreadable where a class is gone.
        """
        if stored.get(TAG) == "lost":
            raise Unstorable(str(stored["at"]), str(stored["kind"]))
        if not isinstance(fresh, BaseModel):
            return self.decode(stored.get("v", {}))
        return self._model(type(fresh), stored, dict(fresh.__dict__))

    def _tagged(self, tag: str, stored: Mapping[str, Json]) -> Any:
        value: Any = stored.get("v")
        match tag:
            case "map":
                read = ((_hashable(self.decode(key)), self.decode(part)) for key, part in value)
                return dict(read)
            case "tuple" | "set" | "frozenset":
                return _COLLECTIONS[tag](self.decode(part) for part in value)
            case "lost":
                return Lost(str(stored["at"]), str(stored["kind"]))
            case "datetime":
                moment, zone = datetime.fromisoformat(value), stored.get("zone")
                return moment.replace(tzinfo=ZoneInfo(str(zone))) if zone else moment
        if tag in _PLAIN:
            return _PLAIN[tag](value)
        return self._instance(tag, self._class(str(stored.get("t"))), stored)

    def _instance(self, tag: str, found: type, stored: Mapping[str, Json]) -> Any:
        value: Any = stored["v"]
        match tag:
            case "enum" if issubclass(found, Enum):
                return found[value]
            case "url" if found.__module__ == _URLS:
                return found(value)
            case "model" if issubclass(found, BaseModel):
                return self._model(found, stored, _static_defaults(found))
            case "record" if dataclasses.is_dataclass(found):
                made = object.__new__(found)
                for name, part in value.items():
                    object.__setattr__(made, name, self.decode(part))
                return made
            case "named" if issubclass(found, tuple):
                return tuple.__new__(found, (self.decode(part) for part in value))
        raise Unreadable(f"{found.__qualname__} is not what was stored any more")

    def _model(self, found: type[BaseModel], stored: JsonObject, first: dict[str, Any]) -> Any:
        parts: dict[str, Any] = {
            name: self.decode(stored.get(name)) for name in ("v", "set", "extra", "private")
        }
        private = parts["private"]
        made = found.__new__(found)
        state = {
            "__dict__": {**first, **(parts["v"] or {})},
            "__pydantic_fields_set__": set(parts["set"] or ()),
            "__pydantic_extra__": parts["extra"],
            "__pydantic_private__": private if private or not found.__private_attributes__ else {},
        }
        BaseModel.__setstate__(made, state)
        return made

    def _class(self, name: str) -> type:
        module, _, qualified = name.partition(":")
        if module != _URLS and not self.allows(module):
            raise Unreadable(f"{name} is not of a module that this flow may store values of")
        found = _find(module, qualified)
        if not isinstance(found, type):
            raise Unreadable(f"{name} is not there any more")
        return found


def plain(stored: Json) -> Json:  # noqa: PLR0911 - a line for each kind of value
    """What was stored, as people and other programs read it: without what names the classes."""
    if isinstance(stored, list | tuple):
        return [plain(part) for part in stored]
    if not isinstance(stored, Mapping):
        return stored
    tag = stored.get(TAG)
    if tag is None:
        return {key: plain(part) for key, part in stored.items()}
    if tag == "lost":
        return f"<{stored['kind']}>"
    if tag == "enum":
        return stored.get("is", stored["v"])
    if tag == "map":
        pairs: Any = stored["v"]
        return {str(plain(key)): plain(part) for key, part in pairs}
    value = plain(stored.get("v"))
    if tag == "model" and isinstance(stored.get("extra"), Mapping):
        value = {**cast("JsonObject", value), **cast("JsonObject", plain(stored["extra"]))}
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class _State:
    parts: dict[str, Any]


class _Encoding:
    """One walk through a value; knows what it is inside of, so that a circle ends it."""

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self._allows = allows
        self._inside: set[int] = set()

    def encode(self, value: Any, path: str) -> Json:
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
        if kind is _State:
            return {TAG: "state", **self._fields(value.parts, path)}
        if isinstance(value, datetime):
            zone = {"zone": value.tzinfo.key} if isinstance(value.tzinfo, ZoneInfo) else {}
            return {TAG: "datetime", "v": value.isoformat(), **zone}
        for tag, (plain_kind, store) in _STORE_PLAIN.items():
            if kind is plain_kind or (tag == "path" and isinstance(value, PurePath)):
                return {TAG: tag, "v": store(value)}
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
            return {TAG: "model", "t": name, **self._fields(_parts_of_model(value), path)}
        if dataclasses.is_dataclass(value):
            name = self._name(value, path)
            return {TAG: "record", "t": name, "v": self._mapping(_record(value), path)}
        if kind.__module__ == _URLS and hasattr(value, "unicode_string"):
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
        if kind.__module__ != _URLS and not self._allows(kind.__module__):
            raise Unstorable(path, f"{kind_of(value)} of module {kind.__module__}")
        if _find(kind.__module__, kind.__qualname__) is not kind:
            raise Unstorable(path, f"{kind_of(value)}, whose class cannot be found by its name")
        return name


def _parts_of_model(model: BaseModel) -> dict[str, Any]:
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


def _static_defaults(found: type[BaseModel]) -> dict[str, Any]:
    """What fields that were added since have, where no code has to run for it."""
    fields = found.model_fields.items()
    return {
        name: field.default
        for name, field in fields
        if not field.is_required() and field.default_factory is None
    }


def _find(module: str, qualified: str) -> object:
    return reduce(
        lambda found, name: getattr(found, name, None),
        qualified.split("."),
        sys.modules.get(module),
    )


def _hashable(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


_STORE_PLAIN: Mapping[str, tuple[type, Callable[[Any], Json]]] = {
    "date": (date, date.isoformat),
    "time": (time, time.isoformat),
    "timedelta": (timedelta, lambda v: [v.days, v.seconds, v.microseconds]),
    "uuid": (UUID, str),
    "decimal": (Decimal, str),
    "path": (Path, str),
    "bytes": (bytes, lambda v: base64.b64encode(v).decode()),
}
_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda v: timedelta(*v),
    "uuid": UUID,
    "decimal": Decimal,
    "path": Path,
    "bytes": base64.b64decode,
    "float": float,
}
_COLLECTIONS: Mapping[str, Callable[[Iterator[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}
