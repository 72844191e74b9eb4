"""The rows of the inbox's lists: what is told of a review, and where it stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from orchestrator.api.pages.answer_form import offered
from orchestrator.domain.review import Review
from orchestrator.usecases.reviews.find import ListedReview
from orchestrator.wire.moment import iso
from orchestrator.wire.shown import moment, one_line

_LONGEST_LINE = 160

_NO_DEADLINE = "~"
"""Sorts behind every time."""


def waiting_row(listed: ListedReview, person: str | None, now: datetime) -> dict[str, Any]:
    """What the list tells of an open review. By ``place``, rows stand in the list's order."""
    review = listed.review
    asked = [each.address for each in listed.recipients if each.is_asked]
    return {
        **_known_by(review),
        "digest": review.output_digest,
        "place": f"{iso(review.deadline_at) or _NO_DEADLINE} {iso(review.created_at)} {review.id}",
        "choices": [each.value for each in offered(review)],
        "begins": one_line(review.question.message or listed.preview.text, _LONGEST_LINE),
        "since": iso(review.created_at),
        "age": age(now - review.created_at),
        "deadline": moment(iso(review.deadline_at)),
        "is_late": review.deadline_at is not None and review.deadline_at <= now,
        "others": [each for each in asked if each != person],
        "is_asked": person in asked,
        "group": next(
            (e.by_group for e in listed.recipients if e.address == person and e.is_asked), None
        ),
        "claimed_by": review.holder(now),
    }


def done_row(review: Review) -> dict[str, Any]:
    """What the list tells of a review that was decided."""
    return {
        **_known_by(review),
        "decision": decision(review),
        "by": one_line(review.reviewer or review.actor or "nobody", _LONGEST_LINE),
        "at": moment(iso(review.closed_at)),
        "channel": review.channel,
        "words": one_line(review.words or "", _LONGEST_LINE),
    }


def _known_by(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "task_name": one_line(review.task_name, _LONGEST_LINE),
        "deployment": review.deployment,
        "round": review.round,
    }


def decision(review: Review) -> str:
    """What became of a closed review, in a word or two."""
    if review.outcome is not None:
        return one_line(review.outcome, _LONGEST_LINE)
    if review.approved is not None:
        edited = " an edited text" if review.edited_output_id else ""
        return f"approved{edited}" if review.approved else "changes wanted"
    return review.state.value.lower()


def age(since: timedelta) -> str:
    """How long something has waited, in its largest unit."""
    minutes = max(0, int(since.total_seconds() // 60))
    for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        count = minutes // size
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "just now"
