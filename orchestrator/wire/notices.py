"""The bodies of the mails that ask people, as they are stored until they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from orchestrator.domain.canonical import JsonObject, decode
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.review_policy import Automatic
from orchestrator.wire.moment import iso
from orchestrator.wire.webhooks import AskedReview

FORMAT = 1

LONGEST_OUTPUT = 64 * 1024
"""Characters of an output that a mail carries; the page that it links to has all of it."""


class Notice(StrEnum):
    """What a mail, or a webhook, says of a review."""

    REQUEST = "request"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    DELEGATED = "delegated"
    REFUSED = "refused"
    CLOSED = "closed"


def mail_body(
    asked: AskedReview,
    recipient: Recipient,
    token: str | None,
    notice: Notice,
    earlier: Iterable[Review],
) -> JsonObject:
    """All that a mail says; ``token`` is the right to answer, of this person and round alone."""
    review, question = asked.review, asked.review.question
    terms = review.terms
    return {
        "v": FORMAT,
        "notice": notice.value,
        "to": recipient.address,
        "recipient_id": recipient.id,
        "reason": recipient.reason,
        "token": token,
        "review_id": review.id,
        "execution_id": review.execution_id,
        "deployment": review.deployment,
        "task_name": review.task_name,
        "round": review.round,
        "kind": review.kind.value,
        "message": "\n\n".join(filter(None, (review.note, question.message))),
        "options": list(question.options),
        "default_outcome": question.default,
        "output": asked.output.raw[:LONGEST_OUTPUT],
        "output_is_cut": len(asked.output.raw) > LONGEST_OUTPUT,
        "output_digest": review.output_digest,
        "careful": terms is not None and terms.careful,
        "decisions": 1 if terms is None else terms.decisions,
        "due": {
            "expires_at": iso(review.expires_at),
            "answer_at": iso(review.answer_at),
            "automatic": said_automatically(terms.automatic) if terms else None,
            "escalate_at": iso(review.escalate_at),
        },
        "earlier": [
            {"round": each.round, "by": each.reviewer or each.actor, "feedback": each.words}
            for each in earlier
        ],
    }


class About(NamedTuple):
    """What a mail is about: whom it is for, in which review, and what it says of that."""

    review_id: str
    recipient_id: str
    notice: str

    @property
    def asks(self) -> bool:
        """Whether it wants an answer."""
        return self.notice not in (Notice.REFUSED, Notice.CLOSED)


def about(body: bytes | None) -> About | None:
    """What a stored mail is about; None for a body that is none of ours."""
    try:
        said = decode(body or b"")
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    review_id, recipient_id = said.get("review_id"), said.get("recipient_id")
    if not isinstance(review_id, str) or not isinstance(recipient_id, str):
        return None
    return About(review_id, recipient_id, str(said.get("notice")))


def said_automatically(automatic: Automatic | None) -> str | None:
    """The answer that a review gets where nobody answers it, in words."""
    if automatic is None:
        return None
    if automatic.outcome is not None:
        return automatic.outcome
    return "approve" if automatic.approved else "reject"
