"""Answer a review with the token of its notice, or of one recipient's mail: no account needed.

Whoever did so may take the words back with the same token.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.person import address_of
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import person_actor
from orchestrator.domain.token import hash_of
from orchestrator.errors import AlreadyAnswered, InvalidResponseToken, NotEntitled
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.find import find_review, recipient_of, who_is_asked
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.take_back_words import (
    TakeBack,
    may_take_back,
    take_back_words,
)
from orchestrator.wire.requests import RespondBody, ResumeBody

ACTOR = "response-token"
"""Whoever holds the token of a notice may answer that one review."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What a token gives the right to: one review, as one of those who are asked, or as nobody."""

    review: Review
    recipient: Recipient | None = None

    @property
    def identity(self) -> str | None:
        """Whose token it is; None for that of nobody in particular."""
        return self.recipient.address if self.recipient else None

    @property
    def actor(self) -> str:
        """As whom the record knows whoever has it."""
        return ACTOR if self.identity is None else person_actor(self.identity)

    @property
    def refusal(self) -> str | None:
        """Why nobody in particular decides, as a sentence; None where that is no hindrance.

        Whoever has the token of a notice could say to be anybody.
        """
        terms = self.review.terms
        if self.identity is not None or terms is None or not terms.needs_names:
            return None
        return (
            "This review has to know who decides, and the token of its notice is nobody's own: "
            "answer by the link of your own mail, in the inbox, or with an API token of your own."
        )


def holder_of(ports: Ports, token: str) -> Holder | None:
    """Whose token that is; None where it is none."""

    def look(tx: Transaction) -> Holder | None:
        recipient = recipient_of(tx, token)
        if recipient is not None:
            return Holder(tx.reviews.get([recipient.review_id])[recipient.review_id], recipient)
        review = tx.reviews.by_token(hash_of(token))
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
    review = holder.review
    if not review.is_open:
        raise AlreadyAnswered(review.summary(), review.winner())
    if holder.refusal is not None:
        raise NotEntitled(holder.refusal)
    body = resume_body(review, said)
    given = Answer(review.deployment, body, holder.actor, channel, identity=holder.identity)
    answer(ports, given)
    return find_review(ports, review.id, EVERYWHERE)


def take_back_as(ports: Ports, holder: Holder) -> Review:
    """Take back what a token's holder said. Raises as ``take_back_words`` does.

    With a token of nobody in particular that is what was said with this token, and nothing else.
    """
    if not _may_have_said_it(holder):
        raise NotEntitled("Somebody else answered: people take back what they said")
    review = holder.review
    act = Act(review.id, EVERYWHERE, holder.actor)
    several = review.terms is not None and review.terms.decisions > 1
    said_by = address_of(review.reviewer or "") if several else None
    return take_back_words(ports, TakeBack(act, holder.identity, said_by))


def may_take_back_as(ports: Ports, holder: Holder) -> bool:
    """Whether there are words that the holder could take back now."""
    recipients = who_is_asked(ports, holder.review)
    return _may_have_said_it(holder) and may_take_back(holder.review, recipients, holder.identity)


def _may_have_said_it(holder: Holder) -> bool:
    return holder.identity is not None or holder.review.actor == ACTOR


def resume_body(review: Review, said: RespondBody) -> ResumeBody:
    """What somebody says of a review, as a call that names it; no webhook is dropped by it."""
    given = said.model_dump(exclude_unset=True)
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
