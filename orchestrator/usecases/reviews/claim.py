"""Claim a review, so that nobody else works on it; and give it back."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.review import Review
from orchestrator.errors import NotEntitled
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.locked_review import Act, LockedReview, with_open_review

CLAIM_TIMEOUT = timedelta(hours=4)
"""For how long somebody has a review who claimed it, where no group says otherwise."""


def claim(ports: Ports, act: Act, who: str) -> Review:
    """Give it to that person alone for a while.

    Raises NotEntitled where they are not asked, or somebody else has it.
    """

    def work(asked: LockedReview) -> None:
        review, now = asked.review, asked.locked.now
        asked.recipient(who)
        holder = review.holder(now)
        if holder not in (None, who):
            raise NotEntitled(f"{holder} has claimed this review until {review.claim_until}")
        timeout = review.terms.claim_timeout if review.terms else None
        until = now + (timeout or CLAIM_TIMEOUT)
        claimed = review.claim(who, until)
        asked.locked.save_review("claim", review, claimed, by=who, until=until.isoformat())

    return with_open_review(ports, act, work)


def release(ports: Ports, act: Act, who: str | None) -> Review:
    """Take it from whoever has claimed it; a named person gives back only their own.

    Raises NotEntitled.
    """

    def work(asked: LockedReview) -> None:
        review = asked.review
        if review.claimed_by is None:
            return
        if who not in (None, review.claimed_by):
            raise NotEntitled(f"{review.claimed_by} has claimed this review, not {who}")
        asked.locked.save_review("release", review, review.release(), by=who)

    return with_open_review(ports, act, work)
