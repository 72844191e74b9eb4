"""Values of users' flows as JSON, and back: no code of theirs is run, and nothing is imported.

What cannot be stored is refused by the path of its field. Two references to one object come back as
two objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel

from orchestrator.adapters.runners.crewai.flows.decoding import Decoding
from orchestrator.adapters.runners.crewai.flows.encoding import Encoding, StateParts, parts_of_model
from orchestrator.adapters.runners.crewai.flows.stored_form import (
    TAG,
    Lost,
    Unreadable,
    Unstorable,
)
from orchestrator.domain.canonical import Json, JsonObject

__all__ = ["TAG", "Codec", "Lost", "Unreadable", "Unstorable", "plain"]

_TRIES_WHILE_OTHERS_WRITE = 20


@dataclass(frozen=True, slots=True)
class Codec:
    """Stores and restores values whose classes come from the modules that ``allows`` accepts."""

    allows: Callable[[str], bool]

    def encode(self, value: object, path: str) -> Json:
        """The stored form. Raises Unstorable, with the path of the field below ``path``."""
        for _ in range(_TRIES_WHILE_OTHERS_WRITE):
            try:
                return Encoding(self.allows).encode(value, path)
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
        return Decoding(self.allows).decode(stored)

    def encode_fields(self, state: object, path: str) -> JsonObject:
        """The stored form of a flow's state: its class is that of the instance restored into."""
        return cast("JsonObject", self._state_or(self.encode, state, path))

    def encode_fields_or_lose(self, state: object, path: str) -> JsonObject:
        """The same, or that of a placeholder for the whole state."""
        return cast("JsonObject", self._state_or(self.encode_or_lose, state, path))

    def _state_or(
        self, encode_value: Callable[[object, str], Json], state: object, path: str
    ) -> Json:
        parts = parts_of_model(state) if isinstance(state, BaseModel) else {"v": state}
        return encode_value(StateParts(parts), path)

    def decode_into(self, stored: JsonObject, fresh: Any) -> Any:
        """A state like ``fresh``, with the fields that were stored.

        Raises Unstorable where the state could not be stored, Unreadable where a class is gone.
        """
        if stored.get(TAG) == "lost":
            raise Unstorable(str(stored["at"]), str(stored["kind"]))
        if not isinstance(fresh, BaseModel):
            return self.decode(stored.get("v", {}))
        return Decoding(self.allows).model(type(fresh), stored, dict(fresh.__dict__))


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
