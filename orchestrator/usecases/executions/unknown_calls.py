"""Calls of tools that must not run twice, and of which nobody knows what they did: a person says.

Where such a call was begun, and nobody wrote down its end, its task is not run again: the execution
halts before a worker claims it.
"""

from __future__ import annotations

from orchestrator.domain.calls import RecordedCall
from orchestrator.domain.canonical import encode
from orchestrator.domain.output import Output
from orchestrator.domain.question import Effect, Question, QuestionKind
from orchestrator.domain.review import Feedback, Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.usecases.executions.advance import fail_execution
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.executions.publishing import job_of
from orchestrator.usecases.reviews.close import close_review
from orchestrator.usecases.reviews.open import open_review

_CALL = "call"
"""The key of the question's metadata under which the call's number stands."""


def halt_for_unknown_call(locked: LockedExecution, run: TaskRun) -> bool:
    """Have a person say what a call did that must not be made twice; False where there is none."""
    deployment = locked.ports.deployments.get(run.deployment)
    if run.weighs or not (deployment.journal and deployment.once.patterns):
        return False
    call = deployment.once.unknown(locked.tx.calls.of(run))
    if call is None:
        return False
    doubted = locked.save_run("doubt", run, run.doubt(), call=call.number, tool=call.name)
    output = Output(_described(call), description=f"The call {call.number} of {call.name}")
    output_id = locked.ports.ids.new()
    locked.tx.outputs.add(output_id, run.execution_id, output, locked.now)
    open_review(locked, doubted, _question(run, call), run.round, output_id, output)
    locked.close()
    return True


def _question(run: TaskRun, call: RecordedCall) -> Question:
    return Question(
        QuestionKind.EFFECT,
        call.step,
        run.task_name,
        message=(
            f"Did '{call.name}' take effect? '{Effect.DONE}' with its result in human_feedback, "
            f"'{Effect.AGAIN}' to have it called again, or '{Effect.GIVE_UP}'."
        ),
        options=tuple(Effect),
        metadata={_CALL: call.number, "tool": call.name, "arguments": call.arguments},
    )


def _described(call: RecordedCall) -> str:
    arguments = encode(call.arguments).decode()
    if call.ended:
        return f"'{call.name}' was called with {arguments} and ended, but {call.note}."
    return (
        f"'{call.name}' was called with {arguments}, and its worker was gone before it had written "
        "down an end. Whether the call took effect is not known; it is not made again unasked."
    )


def settle_unknown_call(
    locked: LockedExecution, review: Review, run: TaskRun, feedback: Feedback
) -> str:
    """Write down what a person said of a call, and go on; returns the word for what follows."""
    close_review(locked, review, feedback)
    if feedback.outcome == Effect.GIVE_UP:
        words = f": {feedback.words}" if feedback.words.strip() else ""
        tool = review.question.metadata["tool"]
        fail_execution(locked, f"Nobody could say what the call of '{tool}' did{words}")
        return "failed"
    number = int(str(review.question.metadata[_CALL]))
    if feedback.outcome == Effect.DONE:
        recorded = next(call for call in locked.tx.calls.of(run) if call.number == number)
        locked.tx.calls.end(run, recorded.answered_by_hand(), feedback.words)
    else:
        locked.tx.calls.drop(run, [number])
    settled = locked.save_run("settle", run, run.settle(locked.now), call=number)
    locked.tx.publish(job_of(locked.ports, locked.tx, settled, is_flow=locked.is_flow))
    return "resumed"
