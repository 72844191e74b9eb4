"""A review: one round of asking a person, and the feedback that answers it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.domain.machine import Machine, Transition


class ReviewState(StrEnum):
    """Where a review stands. Only an open one (``PENDING``) takes a decision."""

    PENDING = "PENDING"
    """A person is asked. Whoever answers first decides."""
    ANSWERED = "ANSWERED"
    """It has its one decision."""
    EXPIRED = "EXPIRED"
    """Its deadline passed before anybody answered."""
    WITHDRAWN = "WITHDRAWN"
    """Its execution ended before anybody answered."""


REVIEW = Machine(
    "review",
    ReviewState.PENDING,
    (
        Transition("answer", (ReviewState.PENDING,), ReviewState.ANSWERED, "a person decided"),
        Transition("expire", (ReviewState.PENDING,), ReviewState.EXPIRED, "its deadline passed"),
        Transition(
            "withdraw",
            (ReviewState.PENDING,),
            ReviewState.WITHDRAWN,
            "the execution failed or was stopped",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """The answer to a review.

    ``words`` are the person's own; ``reviewer`` is who the client says the person is, ``actor``
    whose credentials the answer came with, ``channel`` the way it took (api, intake, mail …).
    """

    approved: bool
    words: str
    actor: str
    channel: str
    reviewer: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """One round of asking a person about one output. Its id is never used again."""

    id: str
    execution_id: str
    deployment: str
    task_run_id: str
    task_index: int
    task_name: str
    round: int
    state: ReviewState
    version: int
    output_id: str
    output_digest: str
    created_at: datetime
    expires_at: datetime | None = None
    closed_at: datetime | None = None
    approved: bool | None = None
    words: str | None = None
    edited_output_id: str | None = None
    actor: str | None = None
    channel: str | None = None
    reviewer: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether a decision would still be taken."""
        return self.state is ReviewState.PENDING

    def answer(
        self, feedback: Feedback, now: datetime, edited_output_id: str | None = None
    ) -> Review:
        """A person decided."""
        return replace(
            self,
            state=REVIEW.follow("answer", self.state),
            closed_at=now,
            approved=feedback.approved,
            words=feedback.words,
            actor=feedback.actor,
            channel=feedback.channel,
            reviewer=feedback.reviewer,
            edited_output_id=edited_output_id,
        )

    def expire(self, now: datetime) -> Review:
        """The deadline passed."""
        return self._closed("expire", now, "sweep")

    def withdraw(self, now: datetime, actor: str) -> Review:
        """The execution ended."""
        return self._closed("withdraw", now, actor)

    def _closed(self, transition: str, now: datetime, actor: str) -> Review:
        state = REVIEW.follow(transition, self.state)
        return replace(self, state=state, closed_at=now, actor=actor)

    def winner(self) -> dict[str, Any]:
        """What the loser of a race is told about the decision that won: who, when, how."""
        told = {
            "review_id": self.id,
            "round": self.round,
            "state": self.state.value,
            "approved": self.approved,
            "feedback": self.words,
            "by": self.reviewer or self.actor,
            "via": self.channel,
            "at": self.closed_at.isoformat() if self.closed_at else None,
        }
        return {key: value for key, value in told.items() if value is not None}

    def told(self) -> str:
        """The same as a sentence."""
        via = f" via {self.channel}" if self.channel else ""
        at = f" at {self.closed_at.isoformat()}" if self.closed_at else ""
        return f"Review {self.state.lower()} by {self.reviewer or self.actor}{via}{at}"


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


def reads_as_approval(words: str) -> bool:
    """Say whether the words, trimmed, case-folded and without closing punctuation, approve.

    Anything that is not in ``APPROVALS`` is a request for changes: an approval is never guessed.
    """
    return words.strip().casefold().rstrip(".!, ").strip() in APPROVALS
