"""The forms of the responses under ``/v1``, as the OpenAPI document tells them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.plan import TaskKind
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.recipient import RecipientState
from orchestrator.domain.review import ReviewState
from orchestrator.domain.task_run import TaskRunState


class ExecutionLine(BaseModel):
    """An execution as lists show it. ``status`` is the wire's word for its state."""

    execution_id: str
    deployment: str
    state: ExecutionState
    status: str
    origin: str
    actor: str
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    error: str | None = None


class ExecutionPage(BaseModel):
    """Executions, newest first. ``next`` is the cursor of the next page, if there is one."""

    executions: list[ExecutionLine]
    next: str | None = None


class OutputRecord(BaseModel):
    """An output: its text, and the same as data where the task has such a form."""

    text: str
    data: Any = Field(None, alias="json")


class RoundRecord(BaseModel):
    """One run of a task. ``execution_time`` is in seconds, ``usage`` are token counts.

    ``saved`` are the calls and tokens that the journal spared its attempts after the first.
    """

    round: int
    state: TaskRunState
    attempts: int
    worker: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    execution_time: float | None = None
    usage: dict[str, Any] | None = None
    saved: dict[str, Any] | None = None
    error: str | None = None
    output: OutputRecord | None = None


class TaskRecord(BaseModel):
    """A task of the plan, and its runs so far."""

    name: str
    kind: TaskKind
    agent: str
    human_input: bool
    rounds: list[RoundRecord]


class StepRecord(BaseModel):
    """A step of a flow whose output is final. ``execution_time`` is in seconds."""

    path: str
    name: str
    at: str
    execution_time: float | None = None
    output: OutputRecord


class RecipientRecord(BaseModel):
    """One person who is asked in a review, or was, and why."""

    address: str
    state: RecipientState
    reason: str
    asked_at: str
    rung: int | None = None
    trouble: str | None = None
    snoozed_until: str | None = None
    delegated_to: str | None = None
    decided_at: str | None = None
    approved: bool | None = None
    outcome: str | None = None


class ReviewRecord(BaseModel):
    """A review, and its decision where it has one.

    ``rule`` and what follows it is what the deployment's policy says of it: how many have to
    decide, who has claimed it, and when something happens while nobody answers.
    """

    review_id: str
    execution_id: str
    deployment: str
    task_name: str
    round: int
    state: ReviewState
    output_digest: str
    created_at: str
    expires_at: str | None = None
    closed_at: str | None = None
    kind: QuestionKind
    message: str | None = None
    options: list[str] | None = None
    approved: bool | None = None
    outcome: str | None = None
    weighing: bool | None = None
    note: str | None = None
    feedback: str | None = None
    feedback_scope: Literal["retry"] | list[str] | None = None
    taken_back_at: str | None = None
    taken_back_by: str | None = None
    edited: bool | None = None
    actor: str | None = None
    channel: str | None = None
    reviewer: str | None = None
    assigned_to: list[RecipientRecord] | None = None
    rule: str | None = None
    decisions: int | None = None
    four_eyes: bool | None = None
    careful: bool | None = None
    rung: int | None = None
    remind_at: str | None = None
    escalate_at: str | None = None
    answer_at: str | None = None
    automatic_answer: str | None = None
    sla_at: str | None = None
    claimed_by: str | None = None
    claim_until: str | None = None


class PendingRecord(ReviewRecord):
    """An open review, and the text that a person has to judge.

    Of a large one lists show the beginning, and ``task_output_cut`` is true. ``answer_schema`` is
    the JSON Schema of a typed answer; lists do not have it.
    """

    task_output: str
    task_output_cut: bool | None = None
    answer_schema: dict[str, Any] | None = None


class ReviewPage(BaseModel):
    """Open reviews, oldest first. ``next`` is the cursor of the next page, if there is one."""

    reviews: list[PendingRecord]
    next: str | None = None


class EntryRecord(BaseModel):
    """One line of a timeline: what happened to what, and who did it."""

    number: int
    at: str
    actor: str
    event: str
    subject_id: str
    task_name: str | None = None
    round: int | None = None
    details: dict[str, Any]
    digest: str | None = None


class TimelineRecord(BaseModel):
    """What happened to an execution, in order."""

    execution_id: str
    timeline: list[EntryRecord]


class ExecutionRecord(ExecutionLine):
    """An execution with all that happened to it."""

    current_task: str | None = None
    inputs: dict[str, Any]
    meta: dict[str, Any]
    tasks: list[TaskRecord]
    steps: list[StepRecord] | None = None
    reviews: list[ReviewRecord]
    result: OutputRecord | None = None
    usage: dict[str, Any]
    saved: dict[str, Any] | None = None
    timeline: list[EntryRecord]


class DeploymentRecord(BaseModel):
    """A deployment as the workers found it."""

    name: str
    url: str
    default: bool
    health: Literal["ready", "broken", "not loaded"]
    error: str | None = None
    inputs: list[str]
    tasks: list[str]
    loaded_at: str | None = None


class DeploymentList(BaseModel):
    """The deployments that the token is valid for."""

    deployments: list[DeploymentRecord]


class AuditRecord(BaseModel):
    """A change of the service itself. Never with a secret."""

    number: int
    at: str
    actor: str
    event: str
    subject: str
    deployment: str | None = None
    details: dict[str, Any]
    digest: str | None = None


class AuditList(BaseModel):
    """The newest changes."""

    audit: list[AuditRecord]


class MessageRecord(BaseModel):
    """A producer's message, and what became of it."""

    message_id: str
    job: str
    deployment: str
    state: Literal["ACCEPTED", "REFUSED", "WAITING"]
    reason: str | None = None
    execution_id: str | None = None
    received_at: str


class MessageList(BaseModel):
    """The newest messages."""

    messages: list[MessageRecord]
