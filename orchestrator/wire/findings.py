"""What is wrong with a request, in the words of JSON: who reads it may never have seen Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_WORDS = {
    "missing": "is required",
    "extra_forbidden": "there is no such key",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "union_tag_not_found": "must say its 'strategy'",
    "union_tag_invalid": "must have a 'strategy' that is 'bearer' or 'basic'",
}
"""By the type of pydantic's finding; all others are in plain words but for how they begin."""


def by_field(findings: Iterable[Mapping[str, Any]], *, skip: int = 0) -> dict[str, str]:
    """The first finding for each field; ``skip`` parts of its place are none of the request's."""
    details: dict[str, str] = {}
    for finding in findings:
        field = ".".join(str(part) for part in finding["loc"][skip:]) or "body"
        details.setdefault(field, _said(finding))
    return details


def _said(finding: Mapping[str, Any]) -> str:
    message = str(finding["msg"])
    for ours, theirs in (("", "Value error, "), ("must be ", "Input should be ")):
        if message.startswith(theirs):
            message = ours + message.removeprefix(theirs)
    return _WORDS.get(finding["type"], message)


def in_a_sentence(details: Mapping[str, str]) -> str:
    """One sentence for all of them."""
    sentence = "; ".join(f"{field}: {message}" for field, message in details.items())
    return f"The request is not valid: {sentence}"
