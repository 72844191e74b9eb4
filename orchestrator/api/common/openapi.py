"""What the OpenAPI document says beyond what FastAPI finds out by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from fastapi import FastAPI
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from orchestrator.api.common.responses import Failure, RefusedAnswer, ValidationFailure
from orchestrator.usecases.executions.kickoff_batch import BatchBody
from orchestrator.usecases.executions.stop_batch import StopBody
from orchestrator.usecases.webhooks.delivery_bodies import EndpointSettingsBody, ReplayBody
from orchestrator.wire.requests import DECISIONS, AnswerBody, KickoffBody, RespondBody, ResumeBody

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
_ONE_AT_LEAST: Mapping[type[BaseModel], Sequence[Sequence[str]]] = {
    ResumeBody: (("task_id", "review_id"), DECISIONS),
    AnswerBody: (DECISIONS,),
    RespondBody: ((*DECISIONS, "feedback"),),
    StopBody: (tuple(StopBody.model_fields),),
    ReplayBody: (tuple(ReplayBody.model_fields),),
}
"""Keys of which a body has to have one, in each group."""

_REF = "#/components/schemas/{model}"

Responses: TypeAlias = dict[int | str, dict[str, Any]]

_FAILURES: Responses = {
    400: {"model": RefusedAnswer, "description": "Malformed JSON, or nothing waits for this call"},
    401: {"model": Failure, "description": "No token, or not one for this deployment"},
    403: {"model": Failure, "description": "This person may not do this in that review"},
    404: {"model": Failure, "description": "There is nothing by that name or id"},
    409: {"model": RefusedAnswer, "description": "Another decision won, or the output changed"},
    413: {"model": Failure, "description": "The body is over the limit"},
    422: {"model": ValidationFailure, "description": "The request is not valid"},
    503: {
        "model": Failure,
        "description": "Busy, or the deployment is not loaded: Retry-After says when to try again",
    },
}

BODY = (400, 413, 422)
"""The ways in which a call with a body may fail before it is understood."""


_ANYWHERE = (401, 503)
"""How every call that wants a token may fail."""


def documented(model: type[BaseModel], *failures: int) -> Responses:
    """Declare a call's responses: 200 with that model, 401, 503, and those failures."""
    failed: Responses = {status: _FAILURES[status] for status in (*_ANYWHERE, *failures)}
    return {200: {"model": model}, **failed}


def documented_as(media_type: str, *failures: int) -> Responses:
    """Declare the responses of a call that gives no JSON; its failures are in JSON as ever."""
    content = {"application/json": {"schema": {"$ref": _REF.format(model=Failure.__name__)}}}
    failed: Responses = {
        status: {"description": _FAILURES[status]["description"], "content": content}
        for status in (*_ANYWHERE, *failures)
    }
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}}, **failed}


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
            response = call["responses"].get("422", {})
            if "HTTPValidationError" in str(response.get("content")):
                del call["responses"]["422"]


def _body_schemas() -> dict[str, Any]:
    _, document = models_json_schema(
        [(model, "validation") for model in _BODIES], ref_template=_REF
    )
    schemas: dict[str, Any] = document["$defs"]
    for model in _BODIES:
        _complete(model, schemas[model.__name__])
    return schemas


def _complete(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Say what pydantic's schema does not: any spelling will do, and one of some keys."""
    spellings = {name: _spellings(name, field) for name, field in model.model_fields.items()}
    required = set(schema.pop("required", ()))
    groups = [
        [spelling for name in group for spelling in spellings[name]]
        for group in _ONE_AT_LEAST.get(model, ())
    ]
    for first, *others in spellings.values():
        for other in others:
            schema["properties"][other] = schema["properties"][first]
        if first in required and others:
            required.remove(first)
            groups.append([first, *others])
    if required:
        schema["required"] = sorted(required)
    if groups:
        schema["allOf"] = [{"anyOf": [_has(name) for name in group]} for group in groups]


def _spellings(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]


def _has(name: str) -> dict[str, Any]:
    """Null says as little as a key that is not there."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
