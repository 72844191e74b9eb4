"""A review that was closed, as far as it is counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.review import ReviewState


@dataclass(frozen=True, slots=True)
class ClosedReview:
    """What of a closed review is counted.

    ``tokens`` are those of the run, or the step of a flow, whose output was rejected. ``automatic``
    says that a rule answered, and nobody in person. ``before`` are the tokens of the round before
    this one, where that round ended with an option that led the flow back to the same method.
    ``inherited`` says that a fork has it from its first execution, where it was decided, and
    ``unasked`` that nobody had asked for the words: they came with those about a later task.
    """

    id: str
    deployment: str
    task_name: str
    person: str
    state: ReviewState
    approved: bool | None
    outcome: str | None
    edited: bool
    round: int
    created_at: datetime
    closed_at: datetime
    sla_at: datetime | None
    expires_at: datetime | None
    tokens: int = 0
    automatic: bool = False
    before: int | None = None
    inherited: bool = False
    unasked: bool = False

    @property
    def ended(self) -> str:
        """What became of it, in a word or two."""
        if self.state is not ReviewState.ANSWERED:
            return self.state.value.lower()
        if self.outcome is not None:
            return self.outcome
        if self.approved is None:
            return "answered"
        if not self.approved:
            return "changes wanted"
        return "approved with an edited text" if self.edited else "approved"
