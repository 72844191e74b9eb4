"""Answer a review with the token of its notice, or of one recipient's mail: no account needed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import person_actor
from orchestrator.domain.token import hash_of
from orchestrator.errors import AlreadyAnswered, InvalidResponseToken
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.find import find_review
from orchestrator.wire.requests import RespondBody, ResumeBody

ACTOR = "response-token"
"""Whoever holds the token of a notice may answer that one review."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What a token gives the right to: one review, as one of those who are asked, or as nobody."""

    review: Review
    recipient: Recipient | None = None


def holder_of(ports: Ports, token: str) -> Holder | None:
    """Whose token that is; None where it is none."""
    hashed = hash_of(token)

    def look(tx: Transaction) -> Holder | None:
        recipient = tx.recipients.by_token(hashed)
        if recipient is not None:
            return Holder(tx.reviews.get([recipient.review_id])[recipient.review_id], recipient)
        review = tx.reviews.by_token(hashed)
        return None if review is None else Holder(review)

    return ports.store.read(look)


@dataclass(frozen=True, slots=True)
class Response:
    """What somebody sent to the callback address of a review."""

    review_id: str
    token: str
    body: RespondBody


def respond(ports: Ports, response: Response) -> Review:
    """Take the decision, and return the review as it is then. It drops no webhook.

    Raises InvalidResponseToken, AlreadyAnswered, NotEntitled, OutputChanged and Invalid.
    """
    holder = holder_of(ports, response.token)
    if holder is None or not hmac.compare_digest(holder.review.id, response.review_id):
        raise InvalidResponseToken
    return respond_as(ports, holder, response.body, response.body.source or "callback")


def respond_with(ports: Ports, token: str, body: RespondBody, channel: str) -> Review:
    """Do the same for whoever holds a token. Raises as ``respond`` does."""
    holder = holder_of(ports, token)
    if holder is None:
        raise InvalidResponseToken
    return respond_as(ports, holder, body, channel)


def respond_as(ports: Ports, holder: Holder, said: RespondBody, channel: str) -> Review:
    """Take the decision of a token's holder. Raises as ``respond`` does."""
    review, recipient = holder.review, holder.recipient
    if not review.is_open:
        raise AlreadyAnswered(review.summary(), review.winner())
    identity = recipient.address if recipient else None
    actor = ACTOR if identity is None else person_actor(identity)
    body = resume_body(review, said)
    answer(ports, Answer(review.deployment, body, actor, channel, identity=identity))
    return find_review(ports, review.id, EVERYWHERE)


def resume_body(review: Review, said: RespondBody) -> ResumeBody:
    """What somebody says of a review, as a call that names it; no webhook is dropped by it."""
    given = said.model_dump(include=set(ResumeBody.model_fields), exclude_unset=True)
    if "feedback" in said.model_fields_set:
        given["human_feedback"] = said.feedback or said.human_feedback
    return ResumeBody.model_validate(
        {
            **given,
            "execution_id": review.execution_id,
            "review_id": review.id,
            "carry_webhooks": True,
        }
    )
