"""How executions, tasks, reviews and timelines are shown under ``/v1``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.api.common.json_response import Later, without_nones
from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.execution import Execution
from orchestrator.domain.feedback import said_scope
from orchestrator.domain.intake import IntakeMessage
from orchestrator.domain.output import Preview
from orchestrator.domain.plan import PlannedTask
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import Entry
from orchestrator.usecases.executions.snapshot import CommittedStep, Snapshot
from orchestrator.usecases.reviews.find import ListedReview
from orchestrator.wire.moment import iso
from orchestrator.wire.notices import said_automatically
from orchestrator.wire.words import STATUS


def execution_line(execution: Execution) -> dict[str, Any]:
    """An execution as lists show it."""
    return without_nones(
        {
            "execution_id": execution.id,
            "deployment": execution.deployment,
            "state": execution.state.value,
            "status": STATUS[execution.state],
            "origin": execution.origin,
            "actor": execution.actor,
            "created_at": iso(execution.created_at),
            "started_at": iso(execution.started_at),
            "finished_at": iso(execution.finished_at),
            "error": execution.error,
        }
    )


def execution_record(snapshot: Snapshot, timeline: Iterable[Entry]) -> dict[str, Any]:
    """An execution with all that happened to it; its outputs are read as they are written."""
    record = {
        **execution_line(snapshot.execution),
        "current_task": snapshot.current_task,
        "inputs": snapshot.execution.inputs,
        "meta": snapshot.execution.meta,
        "tasks": [_task(snapshot, task) for task in snapshot.plan.tasks],
        "steps": [_step(each) for each in snapshot.committed] if snapshot.plan.is_flow else None,
        "reviews": [review_record(review) for review in snapshot.reviews],
        "result": _output(snapshot, snapshot.execution.result),
        "usage": snapshot.usage,
        "saved": snapshot.saved or None,
        "timeline": [entry_record(entry) for entry in timeline],
    }
    return without_nones(record)


def _task(snapshot: Snapshot, task: PlannedTask) -> dict[str, Any]:
    runs = [run for run in snapshot.runs if run.path == task.name]
    return {
        "name": task.name,
        "kind": task.kind.value,
        "agent": task.agent,
        "human_input": task.human_input,
        "rounds": [_round(snapshot, run) for run in runs],
    }


def _step(step: CommittedStep) -> dict[str, Any]:
    return without_nones(
        {
            "path": step.path,
            "name": step.name,
            "at": iso(step.at),
            "execution_time": step.seconds,
            "output": lambda: without_nones({"text": step.output.raw, "json": step.output.json}),
        }
    )


def _round(snapshot: Snapshot, run: TaskRun) -> dict[str, Any]:
    return without_nones(
        {
            "round": run.round,
            "state": run.state.value,
            "attempts": run.attempts,
            "worker": run.claimed_by,
            "started_at": iso(run.started_at),
            "finished_at": iso(run.finished_at),
            "execution_time": run.execution_time,
            "usage": run.usage,
            "saved": run.saved,
            "error": run.error,
            "output": _output(snapshot, run.output_id),
        }
    )


def _output(snapshot: Snapshot, output_id: str | None) -> Later | None:
    """One output at a time: see ``written_as_it_goes``."""
    if output_id is None or output_id not in snapshot.outputs:
        return None

    def read() -> dict[str, Any]:
        output = snapshot.outputs[output_id]
        return without_nones({"text": output.raw, "json": output.json})

    return read


def review_record(review: Review, asked: Sequence[Recipient] = ()) -> dict[str, Any]:
    """A review, and its decision where it has one; who is asked, and what follows from silence."""
    return without_nones(
        {
            "review_id": review.id,
            "execution_id": review.execution_id,
            "deployment": review.deployment,
            "task_name": review.task_name,
            "round": review.round,
            "state": review.state.value,
            "output_digest": review.output_digest,
            "created_at": iso(review.created_at),
            "expires_at": iso(review.expires_at),
            "closed_at": iso(review.closed_at),
            "kind": review.kind.value,
            "message": review.question.message or None,
            "options": list(review.question.options) or None,
            "approved": review.approved,
            "outcome": review.outcome,
            "weighing": review.weighing or None,
            "note": review.note,
            "feedback": review.words,
            "feedback_scope": said_scope(review.scope),
            "taken_back_at": iso(review.taken_back_at),
            "taken_back_by": review.taken_back_by,
            "edited": review.edited_output_id is not None if review.closed_at else None,
            "actor": review.actor,
            "channel": review.channel,
            "reviewer": review.reviewer,
            "assigned_to": [recipient_record(each) for each in asked] or None,
            **_policy(review),
        }
    )


def _policy(review: Review) -> dict[str, Any]:
    """What the review's terms say, and when it happens."""
    terms = review.terms
    if terms is None:
        return {}
    return {
        "rule": terms.rule,
        "decisions": terms.decisions,
        "four_eyes": terms.four_eyes or None,
        "careful": terms.careful or None,
        "rung": review.rung or None,
        "remind_at": iso(review.remind_at),
        "escalate_at": iso(review.escalate_at),
        "answer_at": iso(review.answer_at),
        "automatic_answer": said_automatically(terms.automatic),
        "sla_at": iso(review.sla_at),
        "claimed_by": review.claimed_by,
        "claim_until": iso(review.claim_until),
    }


def recipient_record(recipient: Recipient) -> dict[str, Any]:
    """One person who is asked, or was."""
    return without_nones(
        {
            "address": recipient.address,
            "state": recipient.state.value,
            "reason": recipient.reason,
            "asked_at": iso(recipient.created_at),
            "rung": recipient.rung or None,
            "trouble": recipient.trouble,
            "snoozed_until": iso(recipient.snoozed_until),
            "delegated_to": recipient.delegated_to,
            "decided_at": iso(recipient.decided_at),
            "approved": recipient.approved,
            "outcome": recipient.outcome,
        }
    )


def pending_record(listed: ListedReview) -> dict[str, Any]:
    """An open review with the text that a person has to judge, or the beginning of a large one."""
    record = review_record(listed.review, listed.recipients)
    return {**record, **preview("task_output", listed.preview)}


def preview(name: str, shown: Preview | None) -> dict[str, Any]:
    """A text under that name, and whether it goes on; nothing where there is none."""
    if shown is None:
        return {}
    return {name: shown.text, **({f"{name}_cut": True} if shown.is_cut else {})}


def entry_record(entry: Entry) -> dict[str, Any]:
    """One line of a timeline."""
    return without_nones(
        {
            "number": entry.number,
            "at": iso(entry.at),
            "actor": entry.actor,
            "event": entry.event,
            "subject_id": entry.subject_id,
            "task_name": entry.task_name,
            "round": entry.round,
            "details": entry.details,
            "digest": entry.digest,
        }
    )


def audit_record(entry: AuditEntry) -> dict[str, Any]:
    """A line of the audit log."""
    return {
        "number": entry.number,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "event": entry.event,
        "subject": entry.subject_id,
        "deployment": entry.deployment,
        "details": dict(entry.details),
        "digest": entry.digest,
    }


def message_record(message: IntakeMessage) -> dict[str, Any]:
    """A producer's message; without its body, which may be large."""
    return without_nones(
        {
            "message_id": message.id,
            "job": message.job,
            "deployment": message.deployment,
            "state": str(message.state),
            "reason": message.reason,
            "execution_id": message.execution_id,
            "received_at": message.received_at.isoformat(),
        }
    )
