"""Expire a review that nobody answered in time."""

from __future__ import annotations

from orchestrator.domain.review import Review
from orchestrator.domain.timeline import SWEEP
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.advance import fail_execution
from orchestrator.usecases.case import open_case


def expire_review(ports: Ports, review: Review) -> bool:
    """Close a review whose deadline has passed, and fail its execution.

    False when somebody's answer won the race.
    """

    def decide(tx: Transaction) -> bool:
        case = open_case(ports, tx, review.execution_id, SWEEP)
        current = tx.reviews.get([review.id])[review.id]
        if not current.is_open:
            return False
        case.save_review("expire", current, current.expire(case.now))
        reason = f"The review of task '{review.task_name}' expired without an answer"
        fail_execution(case, reason)
        case.close()
        return True

    return ports.store.transact(decide)
