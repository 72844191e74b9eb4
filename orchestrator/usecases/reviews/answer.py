"""Answer a review: the one decision, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.domain.canonical import Json, JsonObject
from orchestrator.domain.permission import Scope
from orchestrator.domain.plan import Plan
from orchestrator.domain.review import Review
from orchestrator.errors import (
    AlreadyAnswered,
    Invalid,
    NotPending,
    OutputChanged,
    UnknownTask,
)
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_and_read
from orchestrator.usecases.executions.migrate import migrate_to_deployed
from orchestrator.usecases.idempotency import vetted_once
from orchestrator.usecases.reviews.decide import decide, store_edited
from orchestrator.usecases.reviews.feedback import Answer, read_feedback
from orchestrator.usecases.reviews.open import most_rounds_of
from orchestrator.usecases.reviews.reach import require_scope
from orchestrator.usecases.reviews.typed import typed
from orchestrator.usecases.reviews.vote import Undecided, count_vote, require_entitled
from orchestrator.usecases.reviews.weigh import begin_weighing
from orchestrator.usecases.webhooks.subscribe import named_webhooks, subscribe, vet
from orchestrator.wire.requests import ResumeBody


def answer(ports: Ports, given: Answer) -> JsonObject:
    """Take the decision, and return ``{"status", "message", "kickoff_id", …}``.

    Where more than one has to decide, ``status`` is ``pending`` until enough have. An idempotency
    key is the caller's own, where the credentials are one person's alone: each has a vote. Raises
    UnknownExecution, UnknownTask, NotPending, AlreadyAnswered, NotEntitled, OutputChanged,
    KeyReused and Invalid; none of them changes anything.
    """
    if given.body.task_id is None and given.body.review_id is None:
        message = "Name the task ('task_id') or the review ('review_id') that is answered."
        raise Invalid(message, {"task_id": "is required"})
    scope = (given.deployment, "resume" if given.identity is None else f"resume {given.identity}")
    return vetted_once(
        ports,
        scope,
        given.key,
        lambda: vet(ports, named_webhooks(given.body)),
        lambda tx: _decide(ports, tx, given),
    )


def _decide(ports: Ports, tx: Transaction, given: Answer) -> JsonObject:
    execution_id, scope = given.body.execution_id, Scope.of(given.deployment)
    locked, reviews = lock_and_read(
        ports, tx, execution_id, given.actor, lambda: tx.reviews.of(execution_id), scope
    )
    locked.were_read(reviews)
    migrate_to_deployed(locked)
    review = _asked_about(given.body, locked.plan, locked.reviews)
    if given.body.output_digest not in (None, "", review.output_digest):
        raise OutputChanged
    voter = require_entitled(locked, review, given.person)
    given = typed(tx, review, given)
    require_scope(locked, review, given.body)
    feedback = read_feedback(given, review, most_rounds_of(locked, review))
    if voter is not None:
        vote = count_vote(locked, review, voter, feedback, given.body)
        if isinstance(vote, Undecided):
            _resubscribe(locked, given.body, resumes=False)
            locked.close()
            return _vote_taken(review, vote)
        feedback = vote
    warnings = _resubscribe(locked, given.body)
    if feedback is None:
        status = _weigh(locked, review, given)
    else:
        status = decide(locked, review, feedback, given.body.edited_output)
    locked.close()
    return _response(status, review, warnings, given.body, weighing=feedback is None)


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
        raise AlreadyAnswered(review.summary(), review.winner())
    return review


def _open_review_of(task: str, plan: Plan, reviews: Sequence[Review]) -> Review:
    if task not in {*plan.names, *(review.task_name for review in reviews)}:
        raise UnknownTask(task, plan.names)
    of_task = [review for review in reviews if review.task_name == task]
    for review in of_task:
        if review.is_open:
            return review
    last = max(of_task, key=lambda review: (review.round, review.created_at), default=None)
    raise NotPending(last.winner() if last else None)


def _resubscribe(locked: LockedExecution, body: ResumeBody, *, resumes: bool = True) -> list[str]:
    """Apply what the resume says of webhooks; warn of those that are told nothing from now on.

    A call that resumes nothing yet drops none.
    """
    before = locked.execution.subscriptions
    named = subscribe(locked.tx, locked.execution.deployment, body, locked.now)
    carry = locked.execution.carry_webhooks if body.carry_webhooks is None else body.carry_webhooks
    after = before.at_resume(named, carry=carry or not resumes)
    if after != before:
        locked.execution = replace(locked.execution, subscriptions=after)
    return [
        f"The {kind.value} webhook of the kickoff was dropped: name it in the resume call to keep "
        'it, or kick off with "carryWebhooks": true.'
        for kind in before.dropped(after)
    ]


def _weigh(locked: LockedExecution, review: Review, given: Answer) -> str:
    """The words name no option: a model has to weigh them, in a worker."""
    output = locked.tx.outputs.one(review.output_id)
    edited_id = store_edited(locked, output, given.body.edited_output)
    feedback = given.feedback()
    said = locked.save_review(
        "weigh",
        review,
        review.weigh(feedback, edited_id),
        feedback=feedback.words,
        channel=feedback.channel,
        reviewer=feedback.reviewer,
    )
    begin_weighing(locked, said)
    return "resumed"


def _vote_taken(review: Review, vote: Undecided) -> JsonObject:
    message = (
        f"Your decision is taken; {vote.missing} more of those who are asked have to decide."
        if vote.missing
        else "Those who were asked did not agree: each of them is asked again."
    )
    return {
        "status": "pending",
        "message": message,
        "kickoff_id": review.execution_id,
        "review_id": review.id,
    }


_BEING_WEIGHED = "Feedback taken; a model weighs which outcome it means."
_MESSAGES = {
    "resumed": "Feedback taken; the execution goes on.",
    "retrying": "Feedback taken; the task runs again with it.",
    "completed": "Feedback taken; the execution is complete.",
    "failed": "Feedback taken; the execution has failed.",
}


def _response(
    status: str, review: Review, warnings: list[str], body: ResumeBody, *, weighing: bool
) -> JsonObject:
    message = _BEING_WEIGHED if weighing else _MESSAGES[status]
    if body.rework_from is not None:
        message = f"Feedback taken; the work goes back to '{body.rework_from}' with it."
    response: dict[str, Json] = {
        "status": status,
        "message": message,
        "kickoff_id": review.execution_id,
        "review_id": review.id,
    }
    if weighing:
        response["weighing"] = True
    if warnings:
        response["warnings"] = warnings
    return response
