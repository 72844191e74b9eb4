"""Values of users' flows, made of what was stored: no code of theirs is run, nothing is imported.

Classes are looked up by name among the modules that are loaded and allowed. Instances are built
without constructors and validators: pydantic models with their private attributes and the set of
fields that were set, dataclasses, enums.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from orchestrator.adapters.runners.crewai.flows.stored_form import (
    PLAIN,
    TAG,
    URLS,
    Lost,
    Unreadable,
    find_by_name,
)
from orchestrator.domain.canonical import Json, JsonObject

_COLLECTIONS: Mapping[str, Callable[[Iterator[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Decoding:
    """Makes values whose classes come from the modules that ``allows`` accepts."""

    allows: Callable[[str], bool]

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
        if tag in PLAIN:
            return PLAIN[tag].read(value)
        return self._instance(tag, self._class(str(stored.get("t"))), stored)

    def _instance(self, tag: str, found: type, stored: Mapping[str, Json]) -> Any:
        value: Any = stored["v"]
        match tag:
            case "enum" if issubclass(found, Enum):
                return found[value]
            case "url" if found.__module__ == URLS:
                return found(value)
            case "model" if issubclass(found, BaseModel):
                return self.model(found, stored, _static_defaults(found))
            case "record" if dataclasses.is_dataclass(found):
                made = object.__new__(found)
                for name, part in value.items():
                    object.__setattr__(made, name, self.decode(part))
                return made
            case "named" if issubclass(found, tuple):
                return tuple.__new__(found, (self.decode(part) for part in value))
        raise Unreadable(f"{found.__qualname__} is not what was stored any more")

    def model(self, found: type[BaseModel], stored: JsonObject, first: dict[str, Any]) -> Any:
        """An instance with the stored parts; what is not among its fields is as in ``first``."""
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
        if module != URLS and not self.allows(module):
            raise Unreadable(f"{name} is not of a module that this flow may store values of")
        found = find_by_name(module, qualified)
        if not isinstance(found, type):
            raise Unreadable(f"{name} is not there any more")
        return found


def _static_defaults(found: type[BaseModel]) -> dict[str, Any]:
    """What fields that were added since have, where no code has to run for it."""
    fields = found.model_fields.items()
    return {
        name: field.default
        for name, field in fields
        if not field.is_required() and field.default_factory is None
    }


def _hashable(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key
