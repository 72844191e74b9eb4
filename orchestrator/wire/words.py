"""What clients of CrewAI's platform call the states of an execution."""

from __future__ import annotations

from orchestrator.domain.execution import ExecutionState

STATUS = {
    ExecutionState.QUEUED: "running",
    ExecutionState.RUNNING: "running",
    ExecutionState.PENDING_HUMAN_INPUT: "pending_human_input",
    ExecutionState.SUCCEEDED: "completed",
    ExecutionState.FAILED: "error",
    ExecutionState.STOPPED: "stopped",
}
"""The words of ``status``, in status answers and crew webhooks."""

STATE = {
    ExecutionState.QUEUED: "PENDING",
    ExecutionState.RUNNING: "RUNNING",
    ExecutionState.PENDING_HUMAN_INPUT: "PENDING_HUMAN_INPUT",
    ExecutionState.SUCCEEDED: "SUCCESS",
    ExecutionState.FAILED: "FAILED",
    ExecutionState.STOPPED: "REVOKED",
}
"""The words of ``state`` in status answers."""

STOP_REFUSED = {**STATE, ExecutionState.FAILED: "FAILURE"}
"""The words with which a stop that comes too late is refused."""
