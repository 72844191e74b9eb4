"""Words of a person about an output that nobody had asked about: kept as an answered review."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.domain.feedback import Feedback
from orchestrator.domain.review import Review, ReviewState
from orchestrator.usecases.executions.locked_execution import LockedExecution


def answered_unasked(
    locked: LockedExecution, path: str, name: str, output_id: str, feedback: Feedback
) -> Review:
    """The review, yet to be written. It is of round 1, and of no task run, until that is said."""
    output = locked.tx.outputs.one(output_id)
    review = Review(
        id=locked.ports.ids.new(),
        execution_id=locked.execution.id,
        deployment=locked.execution.deployment,
        task_run_id=locked.ports.ids.new(),
        path=path,
        task_name=name,
        round=1,
        state=ReviewState.PENDING,
        version=1,
        output_id=output_id,
        output_digest=output.digest,
        created_at=locked.now,
    )
    return review.answer(feedback, locked.now)


def decided(review: Review, feedback: Feedback, now: datetime) -> Review:
    """A review as it would be, had this been its decision."""
    return replace(review, state=ReviewState.PENDING).answer(feedback, now)
