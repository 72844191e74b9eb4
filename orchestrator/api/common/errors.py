"""What each error means over HTTP. Nothing else in the API decides on a status code of failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from orchestrator import errors
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.plain_page import is_for_browser, plain_page
from orchestrator.wire.findings import by_field, in_a_sentence

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Meaning:
    """An error's status code, and the ``error`` that clients see."""

    status: HTTPStatus
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)


_SOON = {"Retry-After": "5"}

MEANINGS: Mapping[type[errors.OrchestratorError], Meaning] = {
    errors.Malformed: Meaning(HTTPStatus.BAD_REQUEST, "Invalid JSON"),
    errors.TooLarge: Meaning(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Payload Too Large"),
    errors.Invalid: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Error"),
    errors.BlockedAddress: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Error"),
    errors.Unauthorized: Meaning(
        HTTPStatus.UNAUTHORIZED, "Unauthorized", {"WWW-Authenticate": "Bearer"}
    ),
    errors.InvalidResponseToken: Meaning(HTTPStatus.UNAUTHORIZED, "unauthorized"),
    errors.NotFound: Meaning(HTTPStatus.NOT_FOUND, "Not Found"),
    errors.UnknownDeployment: Meaning(HTTPStatus.NOT_FOUND, "Deployment not found"),
    errors.UnknownExecution: Meaning(HTTPStatus.NOT_FOUND, "Execution not found"),
    errors.UnknownTask: Meaning(HTTPStatus.NOT_FOUND, "Task not found"),
    errors.UnknownReview: Meaning(HTTPStatus.NOT_FOUND, "Review not found"),
    errors.UnknownEndpoint: Meaning(HTTPStatus.NOT_FOUND, "Endpoint not found"),
    errors.UnknownDelivery: Meaning(HTTPStatus.NOT_FOUND, "Delivery not found"),
    errors.UnknownCheckpoint: Meaning(HTTPStatus.NOT_FOUND, "Checkpoint not found"),
    errors.NotReplayable: Meaning(HTTPStatus.CONFLICT, "still_being_tried"),
    errors.NotPending: Meaning(HTTPStatus.BAD_REQUEST, "Invalid Request"),
    errors.CannotStop: Meaning(HTTPStatus.BAD_REQUEST, "Invalid Request"),
    errors.CannotRetry: Meaning(HTTPStatus.CONFLICT, "cannot_retry"),
    errors.CannotRewind: Meaning(HTTPStatus.CONFLICT, "cannot_rewind"),
    errors.AlreadyAnswered: Meaning(HTTPStatus.CONFLICT, "already_responded"),
    errors.AlreadyRead: Meaning(HTTPStatus.CONFLICT, "already_read"),
    errors.NotEntitled: Meaning(HTTPStatus.FORBIDDEN, "not_entitled"),
    errors.OutputChanged: Meaning(HTTPStatus.CONFLICT, "output_changed"),
    errors.DeploymentNotReady: Meaning(
        HTTPStatus.SERVICE_UNAVAILABLE, "Deployment not ready", _SOON
    ),
    errors.DeploymentBroken: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "Deployment broken"),
    errors.Unreadable: Meaning(HTTPStatus.CONFLICT, "unreadable"),
    errors.WrittenByNewer: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "Newer version needed", _SOON),
    errors.Sealed: Meaning(HTTPStatus.CONFLICT, "secret_key_missing"),
    errors.SecretKeyMissing: Meaning(HTTPStatus.CONFLICT, "secret_key_missing"),
    errors.Transient: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "Busy", _SOON),
}


_UNPLANNED = Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
_UNPLANNED_MESSAGE = "Something went wrong here. The log of the API has it under this X-Request-ID."
_AGAIN = "Go back and send it again: most browsers still have what you wrote."


def told_outside(scope: Scope, error: errors.OrchestratorError | None = None) -> Response:
    """What is told where no route answers: of an error on purpose, or of one nobody planned.

    A browser is shown a page. The log has what nobody planned.
    """
    meaning, message = _UNPLANNED, _UNPLANNED_MESSAGE
    if error and (planned := meaning_of(error)):
        meaning, message = planned, error.message
    if not is_for_browser(scope):
        return failure(meaning, message)
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    said = [message, *([_AGAIN] if scope["method"] == "POST" else [])]
    if meaning is _UNPLANNED and request_id:  # nobody at a page sees its headers
        said.append(f"X-Request-ID: {request_id}")
    body = "\n".join(f"<p>{escape(each)}</p>" for each in said)
    return plain_page(meaning.status.phrase, body, meaning.status, meaning.headers)


async def _on_purpose(request: Request, error: errors.OrchestratorError) -> Response:
    meaning = meaning_of(error)
    if meaning is None:
        log.error("unexpected error", exc_info=error)
        return told_outside(request.scope)
    return failure(meaning, error.message, _particulars(error))


def meaning_of(error: errors.OrchestratorError) -> Meaning | None:
    """What an error means over HTTP, by its own class or one above it; None for one not planned."""
    return next((MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS), None)


def _particulars(error: errors.OrchestratorError) -> Mapping[str, Any]:
    if isinstance(error, errors.Invalid):
        return {"details": dict(error.details)}
    if isinstance(error, errors.AlreadyAnswered | errors.NotPending) and error.winner:
        return {"winner": dict(error.winner)}
    if isinstance(error, errors.AlreadyRead):
        return {"read_by": dict(error.reader)}
    return {}


async def _unroutable(request: Request, error: HTTPException) -> JsonResponse:
    """There is no such path, or it does not take the method."""
    status = HTTPStatus(error.status_code)
    message = f"{request.method} {request.url.path}: {status.description or status.phrase}"
    return failure(Meaning(status, status.phrase, error.headers or {}), message)


async def _bad_parameters(_request: Request, error: RequestValidationError) -> JsonResponse:
    details = by_field(error.errors(), skip=1)
    return failure(MEANINGS[errors.Invalid], in_a_sentence(details), {"details": details})


async def _gone(_request: Request, _error: ClientDisconnect) -> JsonResponse:
    """The client hung up while it sent its body: nobody reads this."""
    return failure(MEANINGS[errors.Malformed], "The body ended early.")


def failure(
    meaning: Meaning, message: str, particulars: Mapping[str, Any] | None = None
) -> JsonResponse:
    """Tell a failure, in the form that all failures have."""
    body = {"error": meaning.title, "message": message, "detail": message, **(particulars or {})}
    return JsonResponse(body, meaning.status, dict(meaning.headers))


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Any]] = {
    errors.OrchestratorError: _on_purpose,
    HTTPException: _unroutable,
    RequestValidationError: _bad_parameters,
    ClientDisconnect: _gone,
}
