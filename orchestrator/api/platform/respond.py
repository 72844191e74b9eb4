"""The callback of a notice: answers one review, with the token in its address as the only right."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from orchestrator.api.common.access import World
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import BODY, body_of, documented
from orchestrator.api.common.request_body import RawBody, parse_json
from orchestrator.api.common.responses import Responded
from orchestrator.domain.review import Review
from orchestrator.usecases.reviews.respond import Response, respond
from orchestrator.wire.ids import Id
from orchestrator.wire.misspelt import with_warnings
from orchestrator.wire.moment import iso
from orchestrator.wire.requests import RespondBody, parse

callback = APIRouter()

Token = Annotated[
    str, Query(max_length=500, description="The token of the notice, or of one recipient's mail.")
]


@callback.post(
    "/v1/reviews/{review_id}/respond",
    name="respond_by_token",
    tags=["reviews"],
    responses=documented(Responded, 403, 409, *BODY),
    openapi_extra=body_of(RespondBody),
    summary="Answer a review with the token of its notice or mail",
)
@callback.post(
    "/crewai_plus/api/v1/human_feedback_requests/{review_id}/respond",
    tags=["crews"],
    responses=documented(Responded, 403, 409, *BODY),
    openapi_extra=body_of(RespondBody),
    summary="Answer a review from its notice",
)
def respond_to_review(ports: World, review_id: Id, raw: RawBody, token: Token = "") -> JsonResponse:
    """A decision spends the token; words that a model has to weigh first do not."""
    body = parse_json(raw)
    response = Response(review_id, token, parse(RespondBody, body))
    return JsonResponse(with_warnings(_responded(respond(ports, response)), RespondBody, body))


def _responded(review: Review) -> dict[str, Any]:
    return {
        "status": "accepted",
        "request": {
            "id": review.id,
            "status": "responded",
            "feedback": review.words or "",
            "outcome": review.outcome,
            "responded_at": iso(review.closed_at),
            "responded_via": review.channel or "",
        },
    }
