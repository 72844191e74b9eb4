"""Feedback: what a person answers in a review, and what words alone mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.domain.canonical import Json
from orchestrator.domain.question import Question

Scope: TypeAlias = tuple[str, ...] | None
"""Which tasks besides the reviewed one read the words: those of these names; None for all later.

With an empty tuple only the next retry of the reviewed task reads them, and no later task. A retry
always reads what was said about its own task.
"""

RETRY: Scope = ()
"""The next retry alone."""


def said_scope(scope: Scope) -> Json:
    """The scope as records tell it, None where nobody chose one."""
    return None if scope is None else list(scope) or "retry"


@dataclass(frozen=True, slots=True)
class Feedback:
    """The answer to a review.

    ``words`` are the person's own; ``approved`` is the verdict on a JUDGE question, ``outcome`` the
    option of a CHOICE. ``reviewer`` is who the client says the person is, ``actor`` whose
    credentials the answer came with, ``channel`` the way it took (api, intake, mail …).
    ``rework_from`` names the earlier task that a rejection sends the work back to, ``scope`` the
    tasks that read the words.
    """

    words: str
    actor: str
    channel: str
    reviewer: str | None = None
    approved: bool | None = None
    outcome: str | None = None
    rework_from: str | None = None
    scope: Scope = None


APPROVALS = frozenset(
    {
        "approve",
        "approved",
        "accept",
        "accepted",
        "go ahead",
        "lgtm",
        "looks good",
        "looks good to me",
        "ok",
        "okay",
        "yes",
    }
)
"""The words that count as approval where a call says neither yes nor no in a field of its own."""


def option_meant(words: str, question: Question) -> str | None:
    """The option that the words are, but for case, spaces and closing punctuation.

    Empty words mean the default one. None where the words have to be weighed.
    """
    if not words.strip():
        return question.default
    said = _plain(words)
    return next((option for option in question.options if _plain(option) == said), None)


def _plain(words: str) -> str:
    return words.strip().casefold().rstrip(".!, ").strip()


def reads_as_approval(words: str) -> bool:
    """Say whether the words, trimmed, case-folded and without closing punctuation, approve.

    Anything that is not in ``APPROVALS`` is a request for changes: an approval is never guessed.
    """
    return _plain(words) in APPROVALS
