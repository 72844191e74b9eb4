"""Calls of tools that a person has to approve before they are made.

Such a call has a line in the journal before it begins. Its task is left where it is, and runs again
once a person has answered: it comes back to the call through the journal, and to no other.
"""

from __future__ import annotations

from orchestrator.domain.calls import Approval, RecordedCall
from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.question import Consent, Question, QuestionKind
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.usecases.executions.advance import carry_on_unless_asked
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.reviews.open import open_review

CALL = "call"
"""The key of a question's metadata under which the number of the call stands that it is about."""


def ask_for_approval(
    locked: LockedExecution, run: TaskRun, call: RecordedCall, fits: JsonObject | None
) -> None:
    """Have a person asked about a call, and the call noted; not where one is asked, or answered."""
    noted = call_of(locked, run, call.number)
    if noted is None:
        locked.tx.calls.add(run, call)
    elif noted.approval is not Approval.ASKED or review_of(locked, run, call) is not None:
        return
    text = encode(call.arguments).decode()
    output = Output(
        text,
        description=f"The arguments of a call of {call.name}",
        json=call.arguments,
        extra={EDITS_FIT: _form_of_edits(fits)},
    )
    output_id = locked.store_output(output)
    open_review(locked, run, _question(run, call), run.round, output_id, output)


def _form_of_edits(fits: JsonObject | None) -> JsonObject:
    """Edited arguments are an object, of the tool's own arguments where these are known."""
    closed: JsonObject = {} if fits is None else {"additionalProperties": False}
    return {**closed, **(fits or {}), "type": "object"}


def _question(run: TaskRun, call: RecordedCall) -> Question:
    return Question(
        QuestionKind.APPROVAL,
        call.step,
        run.task_name,
        message=(
            f"May '{call.name}' be called with these arguments? '{Consent.APPROVE}', with other "
            f"arguments in edited_output if need be; or '{Consent.REJECT}', with what the agent "
            "is told in human_feedback."
        ),
        options=tuple(Consent),
        metadata={CALL: call.number, "tool": call.name, "digest": call.digest},
    )


def call_of(locked: LockedExecution, run: TaskRun, number: Json) -> RecordedCall | None:
    """The line of a call in the journal of a task's round, None where it is gone."""
    calls = locked.tx.calls.of(run)
    return next((call for call in calls if call.number == number), None)


def review_of(locked: LockedExecution, run: TaskRun, call: RecordedCall) -> Review | None:
    """The review that asks about a call just now, None where there is none."""
    return next(
        (
            review
            for review in locked.reviews
            if review.is_open
            and review.kind.is_about_call
            and (review.path, review.round) == (call.step, run.round)
            and review.question.metadata[CALL] == call.number
            and review.question.metadata.get("digest", call.digest) == call.digest
        ),
        None,
    )


def void_approval(locked: LockedExecution, run: TaskRun, call: RecordedCall, why: str) -> None:
    """Say that a call is not made, whatever a person said or will say of it; nobody is asked."""
    locked.tx.calls.drop(run, [call.number])
    _tell_void(locked, run, call.name, call.number, why)
    review = review_of(locked, run, call)
    if review is not None:
        locked.withdraw_review(review)
        carry_on_unless_asked(locked, locked.reviews)


def _tell_void(locked: LockedExecution, run: TaskRun, tool: Json, number: Json, why: str) -> None:
    note = f"what was said of the call of '{tool}' is void, and it is not made: {why}"
    locked.record("approval.void", run.id, run, tool=tool, call=number, note=note)


def settle_approval(
    locked: LockedExecution, review: Review, run: TaskRun, feedback: Feedback, edited: Json
) -> None:
    """Write into the journal what a person said of a call; ``edited`` are its new arguments.

    Where its line is gone that is told: nothing will be made on this answer.
    """
    asked = review.question.metadata
    call = call_of(locked, run, asked[CALL])
    if call is None or call.approval is not Approval.ASKED or call.digest != asked["digest"]:
        _tell_void(locked, run, asked["tool"], asked[CALL], "it is gone from the journal")
    elif feedback.outcome == Consent.APPROVE:
        arguments = call.arguments if edited is None else edited
        locked.tx.calls.save(run, call.approved(arguments))
    else:
        told = feedback.words if feedback.words.strip() else _rejected(call)
        locked.tx.calls.save(run, call.answered_by_hand(), told)


def _rejected(call: RecordedCall) -> str:
    return f"A person did not approve this call of {call.name}: it was not made."


def void_without_journal(locked: LockedExecution, run: TaskRun) -> None:
    """A deployment that journals no more comes back to no call: say so of what was approved."""
    for call in locked.tx.calls.of(run):
        if call.waits:
            void_approval(locked, run, call, "the deployment journals no calls any more")
    locked.tx.calls.purge(run)
