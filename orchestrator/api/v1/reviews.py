"""The reviews that wait for a person, across deployments, and the answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from orchestrator.api.common.access import Responder, Viewer
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import BODY, body_of, documented
from orchestrator.api.common.paging import Cursor, Limit, cut, position_of
from orchestrator.api.common.request_body import KeyHeader, RawBody, key_of, parse_json
from orchestrator.api.common.responses import Resumed
from orchestrator.api.v1.executions import OneDeployment
from orchestrator.api.v1.record_models import PendingRecord, ReviewPage
from orchestrator.api.v1.records import pending_record, review_record
from orchestrator.domain.person import LONGEST_ADDRESS, address_of
from orchestrator.domain.review import Review
from orchestrator.domain.typed_answer import answer_schema
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.find import (
    find_review,
    list_pending,
    reviewed_output,
    who_is_asked,
)
from orchestrator.wire.ids import Id
from orchestrator.wire.misspelt import with_warnings
from orchestrator.wire.requests import AnswerBody, ResumeBody, parse

reviews = APIRouter(prefix="/v1/reviews", tags=["reviews"])

AssignedTo = Annotated[
    str | None,
    Query(max_length=LONGEST_ADDRESS, description="Only what waits for this person."),
]

_IDS = frozenset({"execution_id", "executionId", "task_id", "taskId", "review_id", "reviewId"})


@reviews.get("", responses=documented(ReviewPage, 422), summary="List the reviews that wait")
def list_page(
    visitor: Viewer,
    deployment: OneDeployment = None,
    assigned_to: AssignedTo = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JsonResponse:
    """Oldest first."""
    scope = visitor.narrowed(deployment)
    who = None if assigned_to is None else address_of(assigned_to) or assigned_to
    found = list_pending(visitor.ports, scope, position_of(cursor), limit + 1, who)
    page, more = cut(found, limit)
    return JsonResponse({"reviews": [pending_record(pending) for pending in page], **more})


@reviews.get(
    "/{review_id}",
    responses=documented(PendingRecord, 404),
    summary="A review with the whole text that is judged",
)
def read_review(visitor: Viewer, review_id: Id) -> JsonResponse:
    """Open or closed, with the decision where there is one."""
    review = find_review(visitor.ports, review_id, visitor.scope)
    output = reviewed_output(visitor.ports, review)
    asked = who_is_asked(visitor.ports, review)
    schema = answer_schema(review, output) if review.is_open else None
    typed = {} if schema is None else {"answer_schema": schema}
    return JsonResponse({**review_record(review, asked), "task_output": output.raw, **typed})


@reviews.post(
    "/{review_id}/answer",
    responses=documented(Resumed, 404, 409, *BODY),
    openapi_extra=body_of(AnswerBody),
    summary="Answer a review",
)
def answer_review(
    visitor: Responder, review_id: Id, raw: RawBody, key: KeyHeader = None
) -> JsonResponse:
    """As ``POST /resume`` does; the path names the review, and nothing else has to."""
    review = find_review(visitor.ports, review_id, visitor.scope)
    body = parse_json(raw)
    given = Answer(
        deployment=review.deployment,
        body=parse(ResumeBody, _about(review, body)),
        actor=visitor.actor,
        channel=visitor.channel,
        key=key_of(key, f"answer {review.id}", body),
        identity=visitor.person,
    )
    return JsonResponse(with_warnings(answer(visitor.ports, given), AnswerBody, body))


def _about(review: Review, body: Any) -> Any:
    """The body of a resume that names this review, whatever ids came in the body."""
    if not isinstance(body, Mapping):
        return body
    said = {key: value for key, value in body.items() if key not in _IDS}
    return {**said, "execution_id": review.execution_id, "review_id": review.id}
