"""When something is to be done about a review of which nothing is heard."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from orchestrator.domain.review_policy import Duration
from orchestrator.domain.review_terms import Terms
from orchestrator.domain.working_time import later


class Deadlines(NamedTuple):
    """The next reminder and step of the ladder, the automatic answer, and the target; in UTC.

    None for what the terms do not have, or what is past: the ladder's last step.
    """

    remind_at: datetime | None = None
    escalate_at: datetime | None = None
    answer_at: datetime | None = None
    sla_at: datetime | None = None


def deadlines(
    terms: Terms, opened_at: datetime, rung: int = 0, last_reminded_at: datetime | None = None
) -> Deadlines:
    """The times of a review that has taken ``rung`` steps of its ladder.

    Reminders follow each other; everything else counts from the opening.
    """

    def at(duration: Duration | None, start: datetime = opened_at) -> datetime | None:
        return None if duration is None else later(start, duration, terms.calendar)

    return Deadlines(
        remind_at=at(terms.remind_after, last_reminded_at or opened_at),
        escalate_at=at(terms.ladder[rung].after) if rung < len(terms.ladder) else None,
        answer_at=at(terms.automatic.after) if terms.automatic else None,
        sla_at=at(terms.sla),
    )
