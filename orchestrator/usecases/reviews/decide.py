"""Decide in a review: the one decision, and what follows from it."""

from __future__ import annotations

from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRunState
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.usecases.executions.advance import (
    begin_due_tasks,
    begin_round,
    commit_task,
    go_on,
    last_round,
)
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.executions.unknown_calls import settle_call
from orchestrator.usecases.reviews.close import close_review
from orchestrator.usecases.reviews.rework import require_reworkable, send_back
from orchestrator.wire import webhooks as webhook_bodies
from orchestrator.wire.inputs import require_fitting_output


def decide(
    locked: LockedExecution, review: Review, feedback: Feedback, edited: str | None = None
) -> str:
    """Write the decision, and begin what follows from it; returns the word for that.

    Raises Invalid for an edited output that does not fit, and where the work cannot go back to the
    task that the feedback names.
    """
    if feedback.rework_from is not None:
        require_reworkable(locked, review, feedback.rework_from)
    asked = locked.tx.task_runs.defer(review.task_run_id)
    output = locked.tx.outputs.one(review.output_id)
    run = asked()
    if run is None:
        raise LookupError(f"review {review.id} has no task run")
    edited_id = store_edited(locked, output, edited)
    if review.kind.is_about_call:
        arguments = (edited_id, output.edited(edited)) if edited_id and edited else None
        return settle_call(locked, review, run, feedback, arguments)
    if review.weighing:
        locked.withdraw_weighing(review)
    closed = close_review(locked, review, feedback, edited_id)
    if run.state is not TaskRunState.UNDER_REVIEW or review.path != run.path:
        # It was asked in the middle of a task.
        if feedback.approved:
            _commit_judged(locked, closed, edited_id, output.edited(edited) if edited else output)
        go_on(locked, run.path)
        return "retrying" if feedback.approved is False else "resumed"
    if feedback.rework_from is not None:
        send_back(locked, closed, feedback, feedback.rework_from)
        return "retrying"
    if not feedback.approved:
        locked.save_run("reject", run, run.reject(locked.now))
        runs = locked.tx.task_runs.uncommitted(run.execution_id)
        begin_round(locked, run.path, last_round(runs, run.path) + 1, resumes=True)
        return "retrying"
    if edited is not None:
        output = output.edited(edited)
    commit_task(locked, locked.plan, run, edited_id or closed.output_id, output)
    begin_due_tasks(locked, locked.plan, resumes=True)
    return "completed" if locked.execution.state is ExecutionState.SUCCEEDED else "resumed"


def _commit_judged(
    locked: LockedExecution, review: Review, edited_id: str | None, output: Output
) -> None:
    """A crew's task inside a flow's method is final once it is approved."""
    name, output_id = review.task_name, edited_id or review.output_id
    locked.checkpoint(Cause.COMMIT, review.path, name=name, output_id=output_id)
    body = webhook_bodies.task_body(review.path, name, output, None)
    locked.announce(WebhookKind.TASK, body)


def store_edited(locked: LockedExecution, output: Output, edited: str | None) -> str | None:
    """Store what a person made of an output; returns its id. Raises Invalid."""
    if edited is None:
        return None
    rewritten = output.edited(edited)
    require_fitting_output(output.extra.get(EDITS_FIT), rewritten)
    return locked.store_output(rewritten)
