"""A run that is left, since a person has to answer first: at its halt, or in its middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.domain.calls import Approval
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.usage import counts_of
from orchestrator.errors import TaskFailed
from orchestrator.ports import Halted
from orchestrator.usecases.executions.advance import go_on, wake
from orchestrator.usecases.executions.locked_execution import LockedExecution


@dataclass(frozen=True, slots=True)
class AwaitsApproval:
    """A run that was left in the middle, since a person has to approve calls of tools.

    ``calls`` are their numbers, ``usage`` the tokens spent and served so far.
    """

    usage: Mapping[str, int]
    calls: Collection[int]


def halt(
    locked: LockedExecution, run: TaskRun, seen: int, result: Halted, seconds: float
) -> TaskRun:
    """Wait for people; or go on at once, where one answered while the run was still at work."""
    answered = _is_answered(locked, seen)
    _require_question(locked, run, answered=answered)
    saved = locked.save_run("halt", run, run.halt(locked.now, dict(result.usage), seconds))
    if answered:
        go_on(locked, run.path)
    return saved


def pause(
    locked: LockedExecution,
    run: TaskRun,
    claimed: TaskRun,
    seen: int,
    result: AwaitsApproval,
    seconds: float,
) -> TaskRun:
    """Wait in the middle of a round, its journal kept; or go on at once, as after a halt.

    ``claimed`` is the run as the attempt began.
    """
    kept = locked.tx.calls.of(run)
    waiting = {call.number for call in kept if call.approval is Approval.ASKED}
    answered = _is_answered(locked, seen) or not waiting.issuperset(result.calls)
    _require_question(locked, run, answered=answered)
    spent = Counter(result.usage)
    for call in kept:
        spent.subtract(counts_of(call.usage))
    uncounted = {name: n for name, n in spent.items() if n > 0}
    unpaid = run.unpaid(uncounted, claimed)
    saved = locked.save_run("pause", run, run.pause(unpaid, seconds))
    if answered:
        wake(locked, saved)
    return saved


def _is_answered(locked: LockedExecution, seen: int) -> bool:
    """Whether somebody answered while the run was still at work."""
    return any(each.cause is Cause.ANSWER and each.number > seen for each in locked.checkpoints)


def _require_question(locked: LockedExecution, run: TaskRun, *, answered: bool) -> None:
    if answered or any(review.is_open for review in locked.reviews):
        return
    message = f"'{run.task_name}' halted, and nobody is asked anything"
    raise TaskFailed(message, retryable=False)
