"""What the OpenAPI document says beyond what FastAPI finds out by itself."""

from __future__ import annotations

from typing import Any, TypeAlias

from fastapi import FastAPI
from pydantic import AliasChoices, BaseModel
from pydantic.json_schema import models_json_schema

from orchestrator.api.common.responses import Failure, RefusedAnswer, ValidationFailure
from orchestrator.usecases.executions.kickoff_batch import BatchBody
from orchestrator.usecases.executions.stop_batch import StopBody
from orchestrator.usecases.webhooks.delivery_bodies import EndpointSettingsBody, ReplayBody
from orchestrator.wire.requests import AnswerBody, KickoffBody, RespondBody, ResumeBody

_BODIES: tuple[type[BaseModel], ...] = (
    KickoffBody,
    ResumeBody,
    AnswerBody,
    RespondBody,
    BatchBody,
    StopBody,
    ReplayBody,
    EndpointSettingsBody,
)
_REF = "#/components/schemas/{model}"

Responses: TypeAlias = dict[int | str, dict[str, Any]]

_FAILURES: Responses = {
    400: {"model": RefusedAnswer, "description": "Malformed JSON, or nothing waits for this call"},
    401: {"model": Failure, "description": "No token, or not one for this deployment"},
    404: {"model": Failure, "description": "There is nothing by that name or id"},
    409: {"model": RefusedAnswer, "description": "Another decision won, or the output changed"},
    413: {"model": Failure, "description": "The body is over the limit"},
    422: {"model": ValidationFailure, "description": "The request is not valid"},
    503: {"model": Failure, "description": "The deployment is not loaded, or does not load"},
}

BODY = (400, 413, 422)
"""The ways in which a call with a body may fail before it is understood."""


def documented(model: type[BaseModel], *failures: int) -> Responses:
    """Declare a call's answers: 200 with that model, 401, and those failures."""
    return {200: {"model": model}, **{status: _FAILURES[status] for status in (401, *failures)}}


def documented_text(*failures: int) -> Responses:
    """Declare the failures, in JSON as ever, of a call that answers with plain text."""
    content = {"application/json": {"schema": {"$ref": _REF.format(model=Failure.__name__)}}}
    return {
        status: {"description": _FAILURES[status]["description"], "content": content}
        for status in (401, *failures)
    }


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Declare a call's body, which the handler reads by itself."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


class DescribedApp(FastAPI):
    """An app whose document has our bodies, and nothing that we never answer."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            _drop_foreign_failures(document["paths"])
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            schemas.update(_body_schemas())
        return self.openapi_schema or {}


def _drop_foreign_failures(paths: dict[str, Any]) -> None:
    """FastAPI declares a 422 of its own for every call with a parameter."""
    for path in paths.values():
        for call in path.values():
            answer = call["responses"].get("422", {})
            if "HTTPValidationError" in str(answer.get("content")):
                del call["responses"]["422"]


def _body_schemas() -> dict[str, Any]:
    _, document = models_json_schema(
        [(model, "validation") for model in _BODIES], ref_template=_REF
    )
    schemas: dict[str, Any] = document["$defs"]
    for model in _BODIES:
        _tell_both_casings(model, schemas[model.__name__])
    return schemas


def _tell_both_casings(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Pydantic's schema knows the first spelling of a key only; say that any will do."""
    required = set(schema.pop("required", ()))
    for field in model.model_fields.values():
        if not isinstance(field.validation_alias, AliasChoices):
            continue
        first, *others = (str(choice) for choice in field.validation_alias.choices)
        for other in others:
            schema["properties"][other] = schema["properties"][first]
        if first in required:
            required.remove(first)
            schema["anyOf"] = [{"required": [name]} for name in (first, *others)]
    if required:
        schema["required"] = sorted(required)
