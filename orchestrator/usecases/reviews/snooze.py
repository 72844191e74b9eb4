"""Put a review off: one of those who are asked is reminded at a time of their own."""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain.review import Review
from orchestrator.errors import Invalid
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.locked_review import Act, LockedReview, with_open_review


def snooze(ports: Ports, act: Act, who: str, until: datetime) -> Review:
    """One of those who are asked is left in peace until then, and reminded at that time.

    Raises NotEntitled, and Invalid for a time that has passed.
    """

    def work(asked: LockedReview) -> None:
        locked, review = asked.locked, asked.review
        recipient = asked.recipient(who)
        if until <= locked.now:
            raise Invalid("'until' has passed already.", {"until": "has passed already"})
        put_off = locked.tx.recipients.save(recipient, recipient.snooze(until))
        locked.record("recipient.snooze", put_off.id, review, by=who, until=until.isoformat())
        locked.overwrite_review(review, review.remind_by(until))

    return with_open_review(ports, act, work)
