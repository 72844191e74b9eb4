"""Send the work back to an earlier task: it runs again with the words, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import Invalid
from orchestrator.usecases.executions.advance import begin_due_tasks, carry_on_unless_asked
from orchestrator.usecases.executions.history import committed_outputs
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.executions.take_back import take_back
from orchestrator.usecases.reviews.unasked import answered_unasked


def require_reworkable(locked: LockedExecution, review: Review, name: str) -> None:
    """Raises Invalid where the work cannot go back from this review to the task of that name."""
    if locked.plan.is_flow:
        message = (
            "'rework_from' is for crews: in a flow its own code says what follows from a review. "
            "Choose an outcome that leads back, or rewind the execution to an earlier checkpoint."
        )
        raise Invalid(message, {"rework_from": "this is a flow"})
    possible = _leading_to(locked, review)
    if name not in possible:
        names = ", ".join(possible) or "there is none"
        message = (
            f"'rework_from' must name an earlier task that is done and that '{review.task_name}' "
            f"follows from: {names}."
        )
        raise Invalid(message, {"rework_from": f"one of: {names}"})


def _leading_to(locked: LockedExecution, review: Review) -> list[str]:
    plan: Plan = locked.plan
    committed = committed_outputs(locked.checkpoints)
    return [
        task.name
        for task in plan.tasks[: plan.place(review.path)]
        if task.kind is TaskKind.TASK
        and task.name in committed
        and review.path in plan.followers(task.name)
    ]


def send_back(locked: LockedExecution, review: Review, feedback: Feedback, name: str) -> None:
    """Have the task of that name run again with the words, and then all that follows from it.

    What people asked for in earlier rounds still reaches the tasks. What they approved is void: an
    approval is of one output, and there will be another.
    """
    paths = locked.plan.followers(name)
    note = _noted(locked, feedback, name)
    reviews = locked.reviews
    wishes = {each.id for each in reviews if each.approved is False and each.id != review.id}
    superseded = [
        each.number
        for each in locked.checkpoints
        if each.path in paths and each.review_id not in wishes
    ]
    take_back(locked, superseded, name, paths)
    locked.add_review(note)
    locked.overwrite_review(review, replace(review, passed_on_as=note.id))
    locked.checkpoint(Cause.ANSWER, name, name=note.task_name, review_id=note.id)
    carry_on_unless_asked(locked, locked.reviews)
    begin_due_tasks(locked, locked.plan, resumes=True)


def _noted(locked: LockedExecution, feedback: Feedback, name: str) -> Review:
    """What was said of the earlier task's output, as if it had been asked about."""
    output_id = committed_outputs(locked.checkpoints)[name]
    runs = locked.tx.task_runs.of(locked.execution.id)
    (run,) = (each for each in runs if each.path == name and each.state is TaskRunState.COMMITTED)
    note = answered_unasked(locked, name, run.task_name, output_id, feedback)
    return replace(note, task_run_id=run.id, round=run.round)
