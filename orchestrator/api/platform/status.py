"""The body of ``GET /status/{kickoff_id}``, for every generation of clients at once."""

from __future__ import annotations

from typing import Any

from orchestrator.usecases.executions.snapshot import CommittedTask, PendingReview, Snapshot
from orchestrator.wire.words import STATE, STATUS


def status_body(snapshot: Snapshot) -> dict[str, Any]:
    """Render an execution; keys that have no value yet are left out."""
    execution = snapshot.execution
    last = snapshot.last_executed_task
    body = {
        "status": STATUS[execution.state],
        "state": STATE[execution.state],
        "kickoff_id": execution.id,
        "current_task": snapshot.current_task,
        "progress": _progress(snapshot),
        "result": _result(snapshot),
        "result_json": snapshot.result.json if snapshot.result else None,
        "error": execution.error,
        "execution_time": _execution_time(snapshot),
        "last_executed_task": _task(last) if last else None,
        "execution_origin": execution.origin,
        "meta": execution.meta,
        "pending": [_pending(review) for review in snapshot.pending],
    }
    return given(body)


def given(body: dict[str, Any]) -> dict[str, Any]:
    """What of a body has a value."""
    return {key: value for key, value in body.items() if value is not None}


def _progress(snapshot: Snapshot) -> dict[str, Any]:
    completed, total = len(snapshot.committed), len(snapshot.plan.names)
    progress = {
        "completed_tasks": completed,
        "total_tasks": total,
        "unit": "task",
        "completed": completed,
        "total": total,
        "remaining": total - completed,
        "current": snapshot.current_task,
    }
    return given(progress)


def _result(snapshot: Snapshot) -> dict[str, Any] | None:
    if snapshot.result is None:
        return None
    return {
        "output": snapshot.result.raw,
        "tasks": [_task(task) for task in snapshot.committed],
    }


def _task(committed: CommittedTask) -> dict[str, Any]:
    return given(
        {
            "task_id": committed.task.name,
            "name": committed.task.name,
            "agent": committed.output.agent,
            "output": committed.output.raw,
            "execution_time": committed.run.execution_time,
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
    return {
        "task_id": pending.review.id,
        "task_name": pending.review.task_name,
        "round": pending.review.round,
        "output_digest": pending.review.output_digest,
        "task_output": pending.output.raw,
    }
