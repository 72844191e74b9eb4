"""Take back checkpoints: what they did is superseded, and kept for whoever looks."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.domain.checkpoint import FORMAT_OF_CHANGES, Cause
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.usecases.executions.history import committed_outputs
from orchestrator.usecases.executions.locked_execution import LockedExecution


def take_back(
    locked: LockedExecution,
    numbers: Collection[int],
    path: str,
    paths: Collection[str] | None = None,
) -> None:
    """Append the entry that supersedes those with these numbers; end what went on after them.

    Open reviews are withdrawn, and whoever holds a claim loses it: at any of ``paths``, or at all.
    ``path`` is that of the step that the execution goes back to.
    """
    superseded = sorted(numbers)
    locked.checkpoint(
        Cause.REWIND, path, change={"supersedes": superseded}, format=FORMAT_OF_CHANGES
    )
    withdrawn = _withdraw_reviews(locked, paths)
    final = set(committed_outputs(locked.checkpoints).values())
    rejected_by = {each.review_id for each in locked.checkpoints if each.cause is Cause.ANSWER}
    reviews = locked.reviews
    rejected = {each.task_run_id for each in reviews if each.id in rejected_by}
    for run in locked.tx.task_runs.of(locked.execution.id):
        if run.weighs:
            if run.is_open and run.weighs in withdrawn:
                locked.save_run("withdraw", run, run.withdraw(locked.now))
        elif (paths is None or run.path in paths) and not _stands(run, final, rejected):
            locked.save_run("supersede", run, run.supersede(locked.now))


def _withdraw_reviews(locked: LockedExecution, paths: Collection[str] | None) -> set[str]:
    found = locked.reviews
    withdrawn = [each for each in found if each.is_open and (paths is None or each.path in paths)]
    for each in withdrawn:
        locked.save_review("withdraw", each, each.withdraw(locked.now, locked.actor))
    return {each.id for each in withdrawn}


def _stands(run: TaskRun, final: Collection[str], rejected: Collection[str]) -> bool:
    match run.state:
        case TaskRunState.COMMITTED:
            return run.output_id in final
        case TaskRunState.REJECTED:
            return run.id in rejected
        case _:
            return run.state in (TaskRunState.HALTED, TaskRunState.SUPERSEDED)
