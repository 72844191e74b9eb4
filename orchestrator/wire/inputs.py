"""Checks a flow's inputs against the JSON Schema of its state."""

from __future__ import annotations

from jsonschema import Draft202012Validator

from orchestrator.domain.canonical import JsonObject
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
