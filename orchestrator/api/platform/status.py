"""The body of ``GET /status/{kickoff_id}``, in the form that a deployment's clients read."""

from __future__ import annotations

from typing import Any

from orchestrator.api.common.json_response import without_nones
from orchestrator.domain.deployment import StatusForm
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.usecases.executions.snapshot import CommittedStep, PendingReview, Snapshot
from orchestrator.wire.webhooks import pending_body
from orchestrator.wire.words import STATE, STATUS


def status_body(snapshot: Snapshot, form: StatusForm) -> dict[str, Any]:
    """Render an execution; keys that have no value yet are left out.

    Whatever comes from an output is a function: see ``written_as_it_goes``.
    """
    execution = snapshot.execution
    last = snapshot.last_executed_task
    body = {
        "status": STATUS[execution.state],
        "kickoff_id": execution.id,
        "current_task": snapshot.current_task,
        "progress": _progress(snapshot),
        **(_live(snapshot) if form is StatusForm.LIVE else _documented(snapshot)),
        "result_json": (lambda: _result_of(snapshot).json) if execution.result else None,
        "error": execution.error,
        "execution_time": _execution_time(snapshot),
        "last_executed_task": _task(last) if last else None,
        "execution_origin": execution.origin,
        "meta": execution.meta,
        "pending": [_pending(each) for each in snapshot.pending],
    }
    return without_nones(body)


def _progress(snapshot: Snapshot) -> dict[str, Any]:
    completed = len(snapshot.committed)
    if snapshot.plan.is_flow:  # how many steps there will be is not known
        progress = {
            "completed_tasks": completed,
            "unit": "step",
            "completed": completed,
            "current": snapshot.current_task,
        }
        return without_nones(progress)
    total = len(snapshot.plan.names)
    progress = {
        "completed_tasks": completed,
        "total_tasks": total,
        "unit": "task",
        "completed": completed,
        "total": total,
        "remaining": total - completed,
        "current": snapshot.current_task,
    }
    return without_nones(progress)


def _live(snapshot: Snapshot) -> dict[str, Any]:
    """What the platform answers: a text once completed, and no state for waiting for a person."""
    state = snapshot.execution.state
    waits = state is ExecutionState.PENDING_HUMAN_INPUT
    ended_well = state is ExecutionState.SUCCEEDED
    return {
        "state": STATE[ExecutionState.RUNNING if waits else state],
        "result": (lambda: _result_of(snapshot).raw) if ended_well else None,
        "tasks": [_task(task) for task in snapshot.committed],
    }


def _documented(snapshot: Snapshot) -> dict[str, Any]:
    """What the platform's OpenAPI file says."""
    result = {
        "output": lambda: _result_of(snapshot).raw,
        "tasks": [_task(task) for task in snapshot.committed],
    }
    return {
        "state": STATE[snapshot.execution.state],
        "result": result if snapshot.execution.result else None,
    }


def _result_of(snapshot: Snapshot) -> Output:
    """The result, without a text where there is none."""
    return snapshot.result or Output("")


def _task(committed: CommittedStep) -> dict[str, Any]:
    return without_nones(
        {
            "task_id": committed.path,
            "name": committed.name,
            "agent": lambda: committed.output.agent,
            "output": lambda: committed.output.raw,
            "execution_time": committed.seconds,
        }
    )


def _execution_time(snapshot: Snapshot) -> float | None:
    """Seconds from the first claim to the end, the time that people took included.

    No less than any of its tasks took: a clock that was set back meanwhile shortens nothing.
    """
    execution = snapshot.execution
    if execution.finished_at is None:
        return None
    passed = execution.finished_at - (execution.started_at or execution.created_at)
    return max(passed.total_seconds(), *(run.execution_time or 0.0 for run in snapshot.runs), 0.0)


def _pending(pending: PendingReview) -> dict[str, Any]:
    return {**pending_body(pending.review), "task_output": lambda: pending.output.raw}
