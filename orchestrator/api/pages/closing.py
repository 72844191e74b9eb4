"""What a page tells of a review that is closed: what became of it, and what was said."""

from __future__ import annotations

from typing import Any

from orchestrator.api.pages.rows import decision
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.wire.moment import iso
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
