"""Checks what people send against the JSON Schemas that users' code has: of inputs, of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from re import error as RegexError  # noqa: N812 - its name says nothing elsewhere
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import Output
from orchestrator.errors import LONGEST_CAUSE, Invalid, cause

MOST = 50
"""Misfits that are told of one answer: a long list may be wrong in each of its items."""

_UNUSABLE = (SchemaError, Unresolvable, RegexError, RecursionError)
"""What comes of a JSON Schema that cannot be used."""


def require_fitting_inputs(schema: JsonObject, inputs: JsonObject) -> None:
    """See to it that each input fits the field of the state that it fills.

    A field that is not given has its default, so none is required. What cannot be checked here,
    as a pattern of pydantic's own kind, is left to the code. Raises Invalid with what is wrong with
    each, ``MOST`` of them.
    """
    validator = Draft202012Validator({**schema, "required": []}, registry=Registry())
    wrong: dict[str, str] = {}
    with suppress(*_UNUSABLE):
        for error in islice(validator.iter_errors(dict(inputs)), MOST):
            field = ".".join(["inputs", *(str(part) for part in error.absolute_path)])
            wrong.setdefault(field, _bounded(error.message))
    if wrong:
        sentence = "; ".join(f"{field}: {message}" for field, message in wrong.items())
        raise Invalid(f"The flow's state does not take these inputs: {sentence}", wrong)


def require_fitting_output(schema: object, edited: Output, field: str = "edited_output") -> None:
    """See to it that an edited output is still one that the code which gets it can take.

    ``schema`` is what the runner stored beside the output; without one any text will do. ``field``
    is that of the call which has it. Raises Invalid with what is wrong at each place in it.
    """
    if not isinstance(schema, Mapping):
        return
    wrong = misfits(schema, edited.json, field)
    if wrong:
        sentence = "; ".join(f"{place}: {why}" for place, why in wrong.items())
        message = f"'{field}' does not fit what the code takes: {sentence}"
        raise Invalid(message, wrong)


def misfits(schema: Mapping[str, Any], data: object, field: str) -> dict[str, str]:
    """What is wrong with data, by where it stands below the field that has it: ``field.a.0``.

    A schema that cannot be used says so at the field itself.
    """
    wrong: dict[str, str] = {}
    try:
        for error in islice(_validator(schema).iter_errors(data), MOST):
            worst = best_match([error]) or error
            wrong.setdefault(".".join([field, *_place(worst)]), _said(worst))
    except _UNUSABLE as error:
        return {field: f"its JSON Schema cannot be used: {cause(error)}"}
    return wrong


def fits(schema: Mapping[str, Any], data: object) -> bool:
    """Whether data fit a JSON Schema, which is one itself."""
    return is_schema(schema) and not misfits(schema, data, "")


def is_schema(schema: object) -> bool:
    """Whether it is a JSON Schema that can be used."""
    if not isinstance(schema, Mapping):
        return False
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError:
        return False
    return True


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """One that fetches nothing, whatever the schema refers to."""
    return Draft202012Validator(
        dict(schema),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
        registry=Registry(),
    )


def _place(error: ValidationError) -> list[str]:
    """Where it stands; what is missing stands where it ought to."""
    place = [str(part) for part in error.absolute_path]
    if error.validator == "required" and isinstance(error.instance, Mapping):
        required: Any = error.validator_value
        missing = (str(name) for name in required if name not in error.instance)
        return [*place, *(name for name in missing if error.message.startswith(repr(name)))]
    return place


def _said(error: ValidationError) -> str:
    return "is required" if error.validator == "required" else _bounded(error.message)


def _bounded(said: str) -> str:
    return said if len(said) <= LONGEST_CAUSE else said[: LONGEST_CAUSE - 1] + "…"
