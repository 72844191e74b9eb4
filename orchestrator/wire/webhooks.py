"""The bodies of the webhooks that we send, save what is common to all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.canonical import Json, JsonObject
from orchestrator.domain.execution import Execution
from orchestrator.domain.output import Output
from orchestrator.domain.question import ANSWER_SCHEMA, QuestionKind
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.typed_answer import answer_schema
from orchestrator.wire.moment import iso
from orchestrator.wire.words import STATUS


@dataclass(frozen=True, slots=True)
class AskedReview:
    """A review with what it is about. ``flow`` is the flow's name, if any.

    ``asked`` are the addresses of those who are asked.
    """

    review: Review
    output: Output
    flow: str | None = None
    asked: tuple[str, ...] = ()


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
    body: dict[str, Json] = {
        "status": STATUS[execution.state],
        "result": result.raw if result else "",
        "result_json": result.json if result else None,
        "token_usage": usage,
    }
    return body if execution.error is None else {**body, "error": execution.error}


def human_input_body(
    asked: AskedReview, public_url: str | None, response_token: str | None
) -> JsonObject:
    """The execution halted for a person. ``task_id`` is the review's id: it names this round.

    Of a flow's review it holds also what both generations of the platform's ``new_request`` hold.
    """
    review = asked.review
    body: dict[str, Json] = {
        "execution_id": review.execution_id,
        "task_id": review.id,
        "task_name": review.task_name,
        "task_output": asked.output.raw,
        "round": review.round,
        "output_digest": review.output_digest,
        "callback_url": callback_url(review, public_url, response_token),
        "expires_at": iso(review.expires_at),
        "kind": review.kind.value,
        ANSWER_SCHEMA: answer_schema(review, asked.output),
    }
    if review.kind.is_about_call:
        question, options = review.question, list[Json](review.question.options)
        body |= {"message": question.message, "emit": options, "metadata": question.metadata}
    if asked.asked:
        first, everybody = asked.asked[0], list(asked.asked)
        body |= {"assigned_to": first, "assigned_to_email": first, "recipients": everybody}
    if asked.flow is not None:
        body = {
            **_new_request(asked, str(asked.flow), body["callback_url"], response_token),
            **body,
        }
    return {key: value for key, value in body.items() if value is not None}


def callback_url(review: Review, public_url: str | None, response_token: str | None) -> str | None:
    """Where the review is answered with no more than this address; None where none is known."""
    if public_url is None or response_token is None:
        return None
    path = f"/crewai_plus/api/v1/human_feedback_requests/{review.id}/respond"
    return f"{public_url}{path}?token={response_token}"


def _new_request(
    asked: AskedReview, flow: str, url: Json, response_token: str | None
) -> dict[str, Json]:
    review, question = asked.review, asked.review.question
    shared: dict[str, Json] = {
        "id": review.id,
        "flow_id": review.execution_id,
        "method_name": review.task_name,
        "message": question.message,
        "state": question.state,
        "metadata": question.metadata,
        "created_at": review.created_at.isoformat(),
    }
    return {
        **shared,
        "event": "new_request",
        "event_type": "new_request",
        "request": {**shared, "emit_options": list(question.options)},
        "deployment": {"id": review.deployment, "name": review.deployment, "organization_id": None},
        "status": "pending",
        "flow_class": flow,
        "output": asked.output.raw,
        "emit": list(question.options),
        "default_outcome": question.default,
        "callback_url": url,
        "response_token": response_token,
        "escalated_at": None,
        "sla_target_minutes": _minutes_to(review.created_at, review.sla_at),
        "routing": None if review.terms is None else {"rule": review.terms.rule},
    }


def later_notice_body(
    asked: AskedReview,
    event: str,
    recipient: Recipient,
    public_url: str | None,
    response_token: str | None,
) -> JsonObject:
    """A review still waits (``reminder``), or waits for somebody else too (``escalation``)."""
    review = asked.review
    body: dict[str, Json] = {
        **pending_body(review),
        "event": event,
        "event_type": event,
        "id": review.id,
        "execution_id": review.execution_id,
        "flow_id": review.execution_id,
        "status": "pending",
        "assigned_to": recipient.address,
        "assigned_to_email": recipient.address,
        "escalated_at": recipient.created_at.isoformat() if recipient.rung else None,
        "sla_target_minutes": _minutes_to(review.created_at, review.sla_at),
        "callback_url": callback_url(review, public_url, response_token),
        "expires_at": iso(review.expires_at),
        ANSWER_SCHEMA: answer_schema(review, asked.output),
    }
    return {key: value for key, value in body.items() if value is not None}


def _minutes_to(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else int((end - start).total_seconds() // 60)


def pending_body(review: Review) -> JsonObject:
    """A review that waits for a person, as status answers show it beside its ``task_output``."""
    question = review.question
    body: dict[str, Json] = {
        "task_id": review.id,
        "task_name": review.task_name,
        "round": review.round,
        "output_digest": review.output_digest,
        "kind": review.kind.value,
        "note": review.note,
        "weighing": review.weighing or None,
    }
    if review.kind is not QuestionKind.JUDGE:
        body |= {
            "method_name": review.task_name,
            "message": question.message,
            "emit": list(question.options) or None,
            "default_outcome": question.default,
            "metadata": question.metadata,
            "state": question.state,
        }
    return {key: value for key, value in body.items() if value is not None}
