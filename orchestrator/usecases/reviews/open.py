"""Open a review: an output is put before people, and the execution halts."""

from __future__ import annotations

from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.domain.checkpoint import Cause, call_of
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.question import ANSWER_SCHEMA, Question
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.token import hash_of
from orchestrator.domain.typed_answer import answer_schema
from orchestrator.errors import TaskFailed
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.reviews.ask import ask
from orchestrator.usecases.reviews.notices import tell_webhooks
from orchestrator.usecases.reviews.route import route

LARGEST_SCHEMA = 32 * 1024
"""Bytes of a JSON Schema that stands in the timeline, which keeps it for ever: a notice has it, and
``GET /v1/reviews/{id}``, however large it is."""


def ask_person(  # noqa: PLR0913 - what is put before a person, and where it stands
    locked: LockedExecution,
    run: TaskRun,
    question: Question,
    output_id: str,
    output: Output,
    state: JsonObject | None = None,
    *,
    spent: JsonObject | None = None,
) -> Review:
    """An output is put before a person: checkpoint, review, notice, and the halt.

    ``spent`` are the tokens that the step cost, where it is no task run of its own.

    Raises TaskFailed, not to be retried, where the deployment allows no further round.
    """
    declared = settings_of(locked.ports, locked.tx, run.deployment)
    round_ = _round_of(locked, run, question)
    _require_rounds_left(locked, question, declared.max_rounds, round_)
    review = open_review(locked, run, question, round_, output_id, output)
    locked.checkpoint(
        Cause.ASK,
        review.path,
        name=review.task_name,
        output_id=output_id,
        review_id=review.id,
        state=state,
        usage=spent or {},
    )
    return review


def open_review(
    locked: LockedExecution,
    run: TaskRun,
    question: Question,
    round_: int,
    output_id: str,
    output: Output,
) -> Review:
    """Write a review with its notice, and halt the execution."""
    timeout = settings_of(locked.ports, locked.tx, run.deployment).review_timeout
    token = locked.ports.chance.secret()
    routing = route(locked, question, round_)
    review = Review(
        id=locked.ports.ids.new(),
        execution_id=run.execution_id,
        deployment=run.deployment,
        task_run_id=run.id,
        path=question.path,
        task_name=question.name,
        round=round_,
        state=ReviewState.PENDING,
        version=1,
        output_id=output_id,
        output_digest=output.digest,
        created_at=locked.now,
        expires_at=locked.now + timeout if timeout else None,
        question=question,
        token_hash=hash_of(token),
    ).on_terms(routing.terms, routing.deadlines(locked.now))
    locked.add_review(review)
    locked.record("review.open", review.id, review, **_typed(review, output))
    if locked.execution.state is ExecutionState.RUNNING:
        locked.transition("halt", locked.execution.halt())
    recipients = ask(locked, review, output, routing.asked)
    tell_webhooks(locked, review, output, token, recipients)
    return review


def _typed(review: Review, output: Output) -> dict[str, Json]:
    """What the timeline, and whoever listens to it, is told of a typed answer."""
    schema = answer_schema(review, output)
    if schema is None or len(encode(schema)) > LARGEST_SCHEMA:
        return {}
    return {ANSWER_SCHEMA: schema}


def _round_of(locked: LockedExecution, run: TaskRun, question: Question) -> int:
    """Which round of asking it is: a task's own, or the how-manieth call of a flow's method."""
    if question.path == run.path:
        return run.round
    return max(call_of(question.path), _rejections(locked, question.path) + 1)


def _rejections(locked: LockedExecution, path: str) -> int:
    """How often people asked for changes of a step, as far as that still stands."""
    asked = {each.review_id for each in locked.checkpoints if each.cause is Cause.ASK}
    told = {each.review_id for each in locked.checkpoints if each.cause is Cause.ANSWER} & asked
    reviews = locked.reviews
    rejected = [each for each in reviews if each.path == path and each.approved is False]
    return sum(each.id in told for each in rejected)


def _require_rounds_left(
    locked: LockedExecution, question: Question, most: int | None, round_: int
) -> None:
    """Raises TaskFailed, not to be retried. A round that a rewind began anew is none more."""
    if most is None or round_ <= most or _is_anew(locked, question.path, most):
        return
    message = (
        f"'{question.name}' asks a person for round {round_}, and the deployment allows "
        f"{most} ('max_rounds')"
    )
    raise TaskFailed(message, retryable=False)


def _is_anew(locked: LockedExecution, path: str, most: int) -> bool:
    """Whether a crew's task has a high round for being rewound, and not for being rejected."""
    return locked.plan.is_task(path) and _rejections(locked, path) < most


def most_rounds_of(locked: LockedExecution, review: Review) -> int | None:
    """How many rounds a review may have; None where a rejection would not be one too many."""
    most = settings_of(locked.ports, locked.tx, review.deployment).max_rounds
    if most is None or review.round < most or _is_anew(locked, review.path, most - 1):
        return None
    return most
