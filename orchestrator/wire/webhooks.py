"""The bodies of the webhooks that we send, save what is common to all of them."""

from __future__ import annotations

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.execution import Execution
from orchestrator.domain.output import Output
from orchestrator.domain.review import Review
from orchestrator.wire.words import STATUS


def task_body(path: str, name: str, output: Output, seconds: float | None) -> JsonObject:
    """The output of a task, or of a flow's step, is final."""
    return {
        "task_id": path,
        "name": name,
        "description": output.description,
        "expected_output": output.expected_output,
        "summary": output.summary,
        "agent": output.agent,
        "output": output.raw,
        "output_json": output.json,
        "status": "completed",
        "execution_time": seconds,
    }


def crew_body(execution: Execution, result: Output | None, usage: JsonObject) -> JsonObject:
    """The execution ended, well or not."""
    return {
        "status": STATUS[execution.state],
        "result": result.raw if result else "",
        "result_json": result.json if result else None,
        "token_usage": usage,
        "error": execution.error,
    }


def human_input_body(review: Review, output: Output, public_url: str | None) -> JsonObject:
    """The execution halted for a person. ``task_id`` is the review's id: it names this round."""
    body: dict[str, str | int | None] = {
        "execution_id": review.execution_id,
        "task_id": review.id,
        "task_name": review.task_name,
        "task_output": output.raw,
        "round": review.round,
        "output_digest": review.output_digest,
        "callback_url": f"{public_url}/crews/{review.deployment}/resume" if public_url else None,
        "expires_at": review.expires_at.isoformat() if review.expires_at else None,
    }
    return {key: value for key, value in body.items() if value is not None}
