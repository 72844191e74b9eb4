"""Keys that were meant to be others: they are ignored, so whoever sent them has to hear of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

from pydantic import AliasChoices, BaseModel

from orchestrator.domain.canonical import JsonObject

MOST, LONGEST = 20, 64
"""Unknown keys that are looked at, and how long they may be: a body may be full of them."""

ALIKE = 0.85
"""How much of two keys has to be the same, in any casing, for one to be meant by the other."""


def misspelt_keys(model: type[BaseModel], body: Mapping[str, Any]) -> list[str]:
    """A sentence for each key of a body that its model ignores, and that is much like a known one.

    >>> misspelt_keys(KickoffBody, {"inputs": {}, "crewWebhookURL": "https://…"})
    ["'crewWebhookURL' is not a key of this call, and was ignored: write 'crewWebhookUrl'."]
    """
    spellings = list(_spellings(model))
    unknown = (key for key in body if key not in spellings and len(key) <= LONGEST)
    found = []
    for key in islice(unknown, MOST):
        meant = _meant(key, spellings)
        if meant is not None:
            found.append(f"{key!r} is not a key of this call, and was ignored: write {meant!r}.")
    return found


def _meant(key: str, spellings: list[str]) -> str | None:
    """The spelling that is most like it, in its own casing where there are two."""
    same_casing = [each for each in spellings if ("_" in each) is ("_" in key)]
    by_letters = {_letters(each): each for each in [*spellings, *same_casing]}
    alike = get_close_matches(_letters(key), by_letters, n=1, cutoff=ALIKE)
    return by_letters[alike[0]] if alike else None


def _spellings(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        yield from map(str, alias.choices) if isinstance(alias, AliasChoices) else (name,)


def _letters(key: str) -> str:
    return "".join(letter for letter in key.lower() if letter.isalnum())


def with_warnings(
    response: JsonObject, model: type[BaseModel], body: Mapping[str, Any]
) -> JsonObject:
    """A response that names the keys that were ignored, beside what else it warns of."""
    given = response.get("warnings")
    warnings = [*(given if isinstance(given, list) else []), *misspelt_keys(model, body)]
    return {**response, "warnings": warnings} if warnings else response
