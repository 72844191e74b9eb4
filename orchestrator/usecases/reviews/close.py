"""Close a review with its one decision."""

from __future__ import annotations

from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.feedback import Feedback, said_scope
from orchestrator.domain.review import Review
from orchestrator.usecases.executions.advance import carry_on_unless_asked
from orchestrator.usecases.executions.locked_execution import LockedExecution


def close_review(
    locked: LockedExecution,
    review: Review,
    feedback: Feedback,
    edited_output_id: str | None = None,
) -> Review:
    """Write the decision and its checkpoint; the execution carries on where none is open now.

    What is said of a tool's call is no part of the history: it reaches nothing but that call.
    """
    closed = locked.save_review(
        "answer",
        review,
        review.answer(feedback, locked.now, edited_output_id),
        approved=feedback.approved,
        outcome=feedback.outcome,
        feedback=feedback.words,
        channel=feedback.channel,
        reviewer=feedback.reviewer,
        rework_from=feedback.rework_from,
        feedback_scope=said_scope(feedback.scope),
        edited=edited_output_id is not None or None,
    )
    if not closed.kind.is_about_call:
        locked.checkpoint(Cause.ANSWER, closed.path, name=closed.task_name, review_id=closed.id)
    carry_on_unless_asked(locked, locked.reviews)
    return closed
