"""How a review stands, as pages tell it: what became of it, or what keeps one from deciding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orchestrator.api.pages.rows import decision
from orchestrator.api.pages.signed_in import SignedIn
from orchestrator.domain.entitlement import refusal_in
from orchestrator.domain.permission import Permission
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.usecases.reviews.take_back_words import may_take_back
from orchestrator.wire.moment import iso
from orchestrator.wire.paths import REVIEW_PAGES
from orchestrator.wire.shown import moment, one_line, plain

_LONGEST_WORDS = 20_000


def shown_closing(
    review: Review, reader: TaskRun | None, *, may_take_back: bool, to: str = ""
) -> dict[str, Any]:
    """The decision, the words, and who has read them.

    ``reader`` is the first run that was given them. ``to`` is the path to which the button is sent
    that takes them back; without one, the page's own.
    """
    return {
        "decision": decision(review),
        "summary": plain(review.summary(), 1_000),
        "words": plain(review.words or "", _LONGEST_WORDS),
        "may_take_back": may_take_back,
        "take_back_to": to,
        "taken_back_by": plain(review.taken_back_by or "", 200),
        "taken_back_at": moment(iso(review.taken_back_at)),
        "reader": reader and {"name": one_line(reader.task_name, 200), "round": reader.round},
    }


def shown_state(
    review: Review,
    recipients: Sequence[Recipient],
    reader: TaskRun | None,
    signed: SignedIn,
    now: datetime,
) -> dict[str, Any]:
    """How a review stands for somebody who is signed in; ``reader`` as for ``shown_closing``."""
    person, responds = signed.person, may_respond(signed, review, recipients)
    if not review.is_open:
        may = responds and may_take_back(review, recipients, person)
        to = f"{REVIEW_PAGES}/{review.id}/take-back"
        return {
            **_OPEN,
            "closed": shown_closing(review, reader, may_take_back=may, to=to),
        }
    voted = [each.address for each in recipients if each.state is RecipientState.VOTED]
    return {
        "closed": None,
        "why_not": refusal_in(review, recipients, person, now) if responds else _ONLY_LOOKS,
        "weighed": plain(review.reviewer or "somebody", 200) if review.weighing else "",
        "voted": [each for each in voted if each != person],
    }


def may_respond(signed: SignedIn, review: Review, recipients: Sequence[Recipient]) -> bool:
    """Whether what they do about the review is heard, if they may decide it at all."""
    scope = signed.to(Permission.RESPOND).scope
    is_asked = any(each.address == scope.person for each in recipients)
    return review.deployment in scope or is_asked


_ONLY_LOOKS = "To answer here takes the permission 'respond' in this deployment: you only look on"

_OPEN: dict[str, Any] = {"why_not": None, "weighed": "", "voted": []}
