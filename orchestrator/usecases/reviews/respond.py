"""Answer a review with the token of its notice: no account is needed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from orchestrator.domain.review import Review
from orchestrator.domain.token import hash_of
from orchestrator.errors import AlreadyAnswered, InvalidResponseToken
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.find import find_review
from orchestrator.wire.requests import RespondBody, ResumeBody

ACTOR = "response-token"
"""Whoever holds the token of a notice may answer that one review."""


@dataclass(frozen=True, slots=True)
class Response:
    """What somebody sent to the callback address of a review."""

    review_id: str
    token: str
    body: RespondBody


def respond(ports: Ports, response: Response) -> Review:
    """Take the decision, and return the review as it is then. It drops no webhook.

    Raises InvalidResponseToken, AlreadyAnswered, OutputChanged and Invalid.
    """
    hashed = hash_of(response.token)
    review = ports.store.read(lambda tx: tx.reviews.by_token(hashed))
    if review is None or not hmac.compare_digest(review.id, response.review_id):
        raise InvalidResponseToken
    if not review.is_open:
        raise AlreadyAnswered(review.summary(), review.winner())
    said = response.body.model_dump(include=set(ResumeBody.model_fields), exclude_unset=True)
    if "feedback" in response.body.model_fields_set:
        said["human_feedback"] = response.body.feedback or response.body.human_feedback
    body = ResumeBody.model_validate(
        {
            **said,
            "execution_id": review.execution_id,
            "review_id": review.id,
            "carry_webhooks": True,
        }
    )
    answer(ports, Answer(review.deployment, body, ACTOR, response.body.source or "callback"))
    return find_review(ports, review.id, None)
