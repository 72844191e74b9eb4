"""Answer a review: the one decision, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.review import Feedback, Review, reads_as_approval
from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import (
    AlreadyAnswered,
    Invalid,
    NotPending,
    OutputChanged,
    UnknownTask,
)
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.advance import (
    begin_due_tasks,
    begin_round,
    carry_on_unless_asked,
    commit_task,
)
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.idempotency import IdempotencyKey, idempotent
from orchestrator.usecases.webhooks.subscribe import named_webhooks, subscribe, vet
from orchestrator.wire.requests import ResumeBody


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says of a review: ``actor`` is whose credentials it came with."""

    deployment: str
    body: ResumeBody
    actor: str
    channel: str
    key: IdempotencyKey | None = None

    @property
    def feedback(self) -> Feedback:
        """The person's decision; unless it is said, only an own text or clear words approve."""
        body = self.body
        unsaid = body.edited_output is not None or reads_as_approval(body.human_feedback)
        return Feedback(
            approved=unsaid if body.is_approve is None else body.is_approve,
            words=body.human_feedback,
            actor=self.actor,
            channel=self.channel,
            reviewer=body.reviewer,
        )


def answer(ports: Ports, given: Answer) -> JsonObject:
    """Take the decision, and return ``{"status", "message", "kickoff_id", …}``.

    Raises UnknownExecution, UnknownTask, NotPending, AlreadyAnswered, OutputChanged, KeyReused and
    Invalid; none of them changes anything.
    """
    _require_sense(given.body)
    vet(ports, named_webhooks(given.body))
    scope = (given.deployment, "resume")
    return ports.store.transact(
        lambda tx: idempotent(ports, tx, scope, given.key, lambda: _decide(ports, tx, given))
    )


def _require_sense(body: ResumeBody) -> None:
    if body.task_id is None and body.review_id is None:
        message = "Name the task ('task_id') or the review ('review_id') that is answered."
        raise Invalid(message, {"task_id": "Field required"})
    if body.is_approve is None and body.edited_output is None and not body.human_feedback.strip():
        message = "Say 'is_approve' true or false, or give 'human_feedback'."
        raise Invalid(message, {"is_approve": "Field required"})


def _decide(ports: Ports, tx: Transaction, given: Answer) -> JsonObject:
    locked = lock_execution(ports, tx, given.body.execution_id, given.actor, given.deployment)
    plan = locked.plan
    reviews = tx.reviews.of(locked.execution.id)
    review = _asked_about(given.body, plan, reviews)
    feedback = given.feedback
    _require_consistency(ports, given.body, feedback, review)
    warnings = _resubscribe(locked, given.body)
    run = tx.task_runs.get(review.task_run_id)
    if run is None:
        raise LookupError(f"review {review.id} has no task run")
    closed, output_id, output = _close_review(locked, review, feedback, given.body.edited_output)
    still_open = [other for other in reviews if other.is_open and other.id != closed.id]
    if feedback.approved:
        status = _approve(locked, plan, run, output_id, output, still_open)
    else:
        status = _reject(locked, plan, run, still_open)
    locked.close()
    return _told(status, closed, warnings)


def _asked_about(body: ResumeBody, plan: Plan, reviews: Sequence[Review]) -> Review:
    """Find the open review that is meant; refuse one that has its decision already.

    An id names one round and no other; a task's name means its open review.
    """
    by_id = {review.id: review for review in reviews}
    review = by_id.get(body.review_id or body.task_id or "")
    if (
        review is not None
        and body.review_id
        and body.task_id
        not in (
            None,
            review.id,
            review.task_name,
        )
    ):
        raise UnknownTask(str(body.task_id), (review.task_name,))
    if review is None:
        return _open_review_of(body.review_id or body.task_id or "", plan, reviews)
    if not review.is_open:
        raise AlreadyAnswered(review.told(), review.winner())
    return review


def _open_review_of(task: str, plan: Plan, reviews: Sequence[Review]) -> Review:
    if task not in plan.names:
        raise UnknownTask(task, plan.names)
    of_task = [review for review in reviews if review.task_name == task]
    for review in of_task:
        if review.is_open:
            return review
    last = max(of_task, key=lambda review: (review.round, review.created_at), default=None)
    raise NotPending(last.winner() if last else None)


def _require_consistency(
    ports: Ports, body: ResumeBody, feedback: Feedback, review: Review
) -> None:
    if body.output_digest and body.output_digest != review.output_digest:
        raise OutputChanged
    if body.edited_output is not None and not feedback.approved:
        message = "'edited_output' approves a text: send it with is_approve true."
        raise Invalid(message, {"edited_output": "only with is_approve true"})
    cap = settings_of(ports, review.deployment).max_rounds
    if not feedback.approved and cap is not None and review.round >= cap:
        message = (
            f"The deployment allows {cap} rounds, and this is number {review.round}: "
            "approve, approve with 'edited_output', or stop the execution."
        )
        raise Invalid(message, {"is_approve": "the round cap is reached"})


def _resubscribe(locked: LockedExecution, body: ResumeBody) -> list[str]:
    """Apply what the resume says of webhooks; warn of those that are told nothing from now on."""
    before = locked.execution.subscriptions
    named = subscribe(locked.tx, locked.execution.deployment, body, locked.now)
    carry = locked.execution.carry_webhooks if body.carry_webhooks is None else body.carry_webhooks
    after = before.at_resume(named, carry=carry)
    if after != before:
        locked.execution = replace(locked.execution, subscriptions=after)
    return [
        f"The {kind.value} webhook of the kickoff was dropped: name it in the resume call to keep "
        'it, or kick off with "carryWebhooks": true.'
        for kind in before.dropped(after)
    ]


def _close_review(
    locked: LockedExecution, review: Review, feedback: Feedback, edited: str | None
) -> tuple[Review, str, Output]:
    """Write the decision; returns the review with the output that it was about or made."""
    output = locked.tx.outputs.get([review.output_id])[review.output_id]
    output_id, edited_id = review.output_id, None
    if edited is not None:
        output, output_id = output.edited(edited), locked.ports.ids.new()
        edited_id = output_id
        locked.tx.outputs.add(output_id, review.execution_id, output, locked.now)
    after = review.answer(feedback, locked.now, edited_id)
    closed = locked.save_review(
        "answer",
        review,
        after,
        approved=feedback.approved,
        feedback=feedback.words,
        channel=feedback.channel,
        reviewer=feedback.reviewer,
        edited=edited is not None or None,
    )
    locked.checkpoint("answer", answered=(closed.id,))
    return closed, output_id, output


def _approve(
    locked: LockedExecution,
    plan: Plan,
    run: TaskRun,
    output_id: str,
    output: Output,
    still_open: Sequence[Review],
) -> str:
    commit_task(locked, plan, run, output_id, output)
    carry_on_unless_asked(locked, still_open)
    begin_due_tasks(locked, plan, resumes=True)
    return "completed" if locked.execution.state is ExecutionState.SUCCEEDED else "resumed"


def _reject(locked: LockedExecution, plan: Plan, run: TaskRun, still_open: Sequence[Review]) -> str:
    locked.save_run("reject", run, run.reject(locked.now))
    carry_on_unless_asked(locked, still_open)
    begin_round(locked, plan, run.task_index, run.round + 1, resumes=True)
    return "retrying"


_MESSAGES = {
    "resumed": "Feedback taken; the execution goes on.",
    "retrying": "Feedback taken; the task runs again with it.",
    "completed": "Feedback taken; the execution is complete.",
}


def _told(status: str, review: Review, warnings: list[str]) -> JsonObject:
    told: dict[str, str | list[str]] = {
        "status": status,
        "message": _MESSAGES[status],
        "kickoff_id": review.execution_id,
        "review_id": review.id,
    }
    if warnings:
        told["warnings"] = warnings
    return told
