"""Calls of tools that must not run twice: none is forgotten where its body runs again after a halt.

Of those of which nobody knows what they did, a person says.
Where such a call was begun, and nobody wrote down its end, its task is not run again: the execution
halts before a worker claims it.
"""

from __future__ import annotations

from orchestrator.domain.calls import Approval, RecordedCall, ToolRules
from orchestrator.domain.canonical import encode
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.output import Output
from orchestrator.domain.question import Effect, Question, QuestionKind
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import Unreadable
from orchestrator.usecases.executions.advance import fail_execution, wake
from orchestrator.usecases.executions.approvals import (
    CALL,
    call_of,
    review_of,
    settle_approval,
    void_without_journal,
)
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.reviews.close import close_review
from orchestrator.usecases.reviews.open import open_review


def halt_for_unknown_call(locked: LockedExecution, run: TaskRun) -> bool:
    """Have a person say what a call did that must not be made twice; False where there is none."""
    deployment = locked.ports.deployments.get(run.deployment)
    if not deployment.journal and run.resumes and run.claim_no:  # it was paused
        void_without_journal(locked, run)
    if run.weighs or not (deployment.journal and deployment.tools):
        return False
    _take_over_calls(locked, run, deployment.tools)
    call = deployment.tools.unknown(locked.tx.calls.of(run))
    if call is None:
        return False
    doubted = locked.save_run("doubt", run, run.doubt(), call=call.number, tool=call.name)
    if review_of(locked, doubted, call) is not None:  # somebody else's answer woke the run
        locked.close()
        return True
    output = Output(_described(call), description=f"The call {call.number} of {call.name}")
    output_id = locked.store_output(output)
    open_review(locked, doubted, _question(run, call), run.round, output_id, output)
    locked.close()
    return True


def _take_over_calls(locked: LockedExecution, run: TaskRun, tools: ToolRules) -> None:
    """Have a flow's new round know what such tools did in bodies that will run again.

    These are the ones that were left in their middle: what was asked or committed inside them
    stands. So a rewind to before a body has its tools called again.
    """
    if run.claim_no or run.round == 1 or not locked.is_flow:
        return
    left = locked.tx.calls.left_before(run)
    if not left:
        return
    try:
        bodies = {_body_of(each.path) for each in locked.checkpoints}
    except Unreadable:
        return  # whoever claims it says so
    taken = [call for call in left if tools.outlive_halt(call) and _body_of(call.step) in bodies]
    locked.tx.calls.take_over(run, [call.number for call in taken])


def _body_of(path: str) -> str:
    return path.partition("/")[0]


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
        metadata={CALL: call.number, "tool": call.name, "arguments": call.arguments},
    )


def _described(call: RecordedCall) -> str:
    arguments = encode(call.arguments).decode()
    if call.ended:
        return f"'{call.name}' was called with {arguments} and ended, but {call.note}."
    return (
        f"'{call.name}' was called with {arguments}, and its worker was gone before it had written "
        "down an end. Whether the call took effect is not known; it is not made again unasked."
    )


def settle_call(
    locked: LockedExecution,
    review: Review,
    run: TaskRun,
    feedback: Feedback,
    edited: tuple[str, Output] | None,
) -> str:
    """Write down what a person said of a call, and go on; returns the word for what follows.

    ``edited`` are the arguments as the person wrote them: the id under which they are stored.
    """
    close_review(locked, review, feedback, edited[0] if edited else None)
    if feedback.outcome == Effect.GIVE_UP:
        tool = review.question.metadata["tool"]
        # Not in whose words: an error outlives the purge that takes these.
        fail_execution(locked, f"Nobody could say what the call of '{tool}' did")
        return "failed"
    if review.kind is QuestionKind.APPROVAL:
        settle_approval(locked, review, run, feedback, edited[1].json if edited else None)
    else:
        _settle_unknown(locked, review, run, feedback)
    if run.state is TaskRunState.UNDER_REVIEW:
        wake(locked, run)
    return "resumed"


def _settle_unknown(
    locked: LockedExecution, review: Review, run: TaskRun, feedback: Feedback
) -> None:
    """What was approved once may be made again on the word of the person who looked."""
    call = call_of(locked, run, review.question.metadata[CALL])
    if call is None:
        return
    if feedback.outcome == Effect.DONE:
        locked.tx.calls.save(run, call.answered_by_hand(), feedback.words)
    elif call.approval is Approval.USED:
        locked.tx.calls.save(run, call.approved(call.arguments))
    else:
        locked.tx.calls.drop(run, [call.number])
