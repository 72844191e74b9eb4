"""Expire a review that nobody answered in time."""

from __future__ import annotations

from orchestrator.domain.review import Review
from orchestrator.domain.timeline import SWEEP
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.advance import fail_execution
from orchestrator.usecases.executions.locked_execution import lock_execution


def expire_review(ports: Ports, review: Review) -> bool:
    """Close a review whose deadline has passed, and fail its execution.

    False when somebody's answer won the race, or an automatic one is due that comes before.
    """

    def decide(tx: Transaction) -> bool:
        locked = lock_execution(ports, tx, review.execution_id, SWEEP)
        current = tx.reviews.get([review.id])[review.id]
        if not current.is_unanswered or _is_answered_first(current):
            return False
        locked.save_review("expire", current, current.expire(locked.now))
        reason = f"The review of task '{review.task_name}' expired without an answer"
        fail_execution(locked, reason)
        locked.close()
        return True

    return ports.store.transact(decide)


def _is_answered_first(review: Review) -> bool:
    """Whether the automatic answer is due no later than the deadline."""
    if review.terms is None or review.terms.automatic is None:
        return False
    answer_at, expires_at = review.answer_at, review.expires_at
    return answer_at is not None and expires_at is not None and answer_at <= expires_at
