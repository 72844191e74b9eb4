"""Checks what people send against the JSON Schemas that users' code has: of inputs, of outputs."""

from __future__ import annotations

from collections.abc import Mapping

from jsonschema import Draft202012Validator

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import Output
from orchestrator.errors import Invalid


def require_fitting_inputs(schema: JsonObject, inputs: JsonObject) -> None:
    """See to it that each input fits the field of the state that it fills.

    A field that is not given has its default, so none is required. Raises Invalid with what is
    wrong with each.
    """
    validator = Draft202012Validator({**schema, "required": []})
    wrong: dict[str, str] = {}
    for error in validator.iter_errors(dict(inputs)):
        field = ".".join(["inputs", *(str(part) for part in error.absolute_path)])
        wrong.setdefault(field, error.message)
    if wrong:
        sentence = "; ".join(f"{field}: {message}" for field, message in wrong.items())
        raise Invalid(f"The flow's state does not take these inputs: {sentence}", wrong)


def require_fitting_output(schema: object, edited: Output) -> None:
    """See to it that an edited output is still one that the code which gets it can take.

    ``schema`` is what the runner stored beside the output; without one any text will do. Raises
    Invalid.
    """
    if not isinstance(schema, Mapping):
        return
    validator = Draft202012Validator(dict(schema))
    error = next(validator.iter_errors(edited.json), None)
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path)
        why = f"{where}: {error.message}" if where else error.message
        message = f"'edited_output' does not fit what the code gives: {why}"
        raise Invalid(message, {"edited_output": why})
