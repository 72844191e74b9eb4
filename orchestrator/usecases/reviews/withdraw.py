"""Withdraw a review: nobody is asked any more, and the execution fails until it is retried."""

from __future__ import annotations

from orchestrator.domain.review import Review
from orchestrator.ports import Ports
from orchestrator.usecases.executions.advance import fail_execution
from orchestrator.usecases.reviews.locked_review import Act, LockedReview, with_open_review


def withdraw(ports: Ports, act: Act, reason: str) -> Review:
    """Take the question back. A retry of the execution asks it anew.

    Raises UnknownReview and AlreadyAnswered.
    """

    def work(asked: LockedReview) -> None:
        locked, review = asked.locked, asked.review
        locked.withdraw_review(review, reason=reason or None)
        why = f": {reason}" if reason else ""
        fail_execution(locked, f"The review of '{review.task_name}' was withdrawn{why}")

    return with_open_review(ports, act, work)
