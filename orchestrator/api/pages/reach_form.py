"""The part of the form that says how far a person's words reach, and what they will do there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.domain.history import Answered
from orchestrator.domain.output import Output
from orchestrator.domain.reach import Reach, Reader
from orchestrator.domain.review import Review
from orchestrator.errors import Invalid
from orchestrator.wire.requests import LONGEST_WORDS, ONWARD, RETRY
from orchestrator.wire.shown import one_line

NAMED = "named"
"""What the form says where only the tasks that are ticked read the words."""

_READS = "reads:"
"""How the names of the boxes begin, before the task's."""


def readers_in(given: Mapping[str, str]) -> tuple[str, ...]:
    """The tasks that were ticked."""
    return tuple(name.removeprefix(_READS) for name in given if name.startswith(_READS))


def scope_in(scope: str, readers: tuple[str, ...]) -> dict[str, Any]:
    """What the form says of it, as a call would. Raises Invalid."""
    if scope == ONWARD:
        return {}
    if scope == RETRY:
        return {"feedback_scope": RETRY}
    if scope != NAMED:
        raise Invalid("Choose which tasks read your words.")
    if not readers:
        raise Invalid("Tick at least one task that shall read your words.")
    return {"feedback_scope": list(readers)}


def shown_reach(
    found: Reach | None,
    review: Review,
    output: Output,
    words: str,
    chosen: tuple[str, tuple[str, ...]],
) -> dict[str, Any] | None:
    """What the form offers, and what these words would do; None where there is nothing to choose.

    ``chosen`` is the scope with the names that were ticked.
    """
    if found is None:
        return None
    scope, ticked = chosen
    limited = {RETRY: (), NAMED: ticked}.get(scope)
    answer = Answered(
        review.path,
        review.id,
        words or "?",  # words of no length would reach nobody
        name=review.task_name,
        round=review.round,
        output=output,
        scope=limited,
    )
    missing = 0 if words else 1
    return {
        "scope": scope if scope in (RETRY, NAMED) else ONWARD,
        "name": one_line(found.name, 200),
        "names": [
            {"field": f"{_READS}{name}", "name": one_line(name, 200), "ticked": name in ticked}
            for name in found.others or ()
        ],
        "is_known": found.others is not None,
        "said": len(words),
        "most": f"{LONGEST_WORDS:,}".replace(",", " "),
        "limit": LONGEST_WORDS,
        "approved": list(_told(found.readers(answer, retried=False), missing)),
        "rejected": list(_told(found.readers(answer, retried=True), missing)),
    }


def _told(readers: Iterable[Reader], missing: int) -> Iterable[dict[str, Any]]:
    for each in readers:
        yield {
            "name": one_line(each.name, 200),
            "is_retry": each.is_retry,
            "characters": each.characters - missing,
            "tokens": each.tokens,
        }
