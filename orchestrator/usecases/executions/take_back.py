"""Take back checkpoints: what they did is superseded, and kept for whoever looks."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.domain.checkpoint import FORMAT_OF_CHANGES, Cause
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.usecases.deployment_settings import settings_of
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
    for review in locked.reviews:
        if review.is_open and (paths is None or review.path in paths):
            locked.withdraw_review(review)
    final = set(committed_outputs(locked.checkpoints).values())
    rejected_by = {each.review_id for each in locked.checkpoints if each.cause is Cause.ANSWER}
    reviews = locked.reviews
    rejected = {each.task_run_id for each in reviews if each.id in rejected_by}
    for run in locked.tx.task_runs.of(locked.execution.id):
        is_meant = not run.weighs and (paths is None or run.path in paths)
        if is_meant and not _stands(run, final, rejected):
            locked.save_run("supersede", run, run.supersede(locked.now))
            _forget_calls(locked, run)


def _forget_calls(locked: LockedExecution, run: TaskRun) -> None:
    """No later round comes back to its journal, but that of a flow to tools that run once."""
    deployment = settings_of(locked.ports, locked.tx, run.deployment)
    if not (locked.is_flow and deployment.tools):
        locked.tx.calls.purge(run)


def _stands(run: TaskRun, final: Collection[str], rejected: Collection[str]) -> bool:
    match run.state:
        case TaskRunState.COMMITTED:
            return run.output_id in final
        case TaskRunState.REJECTED:
            return run.id in rejected
        case _:
            return run.state in (TaskRunState.HALTED, TaskRunState.SUPERSEDED)
