"""The forms of the responses, as the OpenAPI document tells them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel


class Failure(BaseModel):
    """Every failure has these; ``detail`` is the same text as ``message``."""

    error: str
    message: str
    detail: str


class ValidationFailure(Failure):
    """``details`` maps the fields at fault to what is wrong with each."""

    details: dict[str, Any]


class Winner(BaseModel):
    """The decision that closed a review; or what a model weighs just now (``PENDING``)."""

    review_id: str
    round: int
    state: Literal["ANSWERED", "EXPIRED", "WITHDRAWN", "PENDING"]
    approved: bool | None = None
    outcome: str | None = None
    feedback: str | None = None
    by: str | None = None
    via: str | None = None
    at: str | None = None


class Reader(BaseModel):
    """The run that was given the words first; or the execution that was forked with them."""

    task_run_id: str | None = None
    task_name: str | None = None
    round: int | None = None
    execution_id: str | None = None


class RefusedAnswer(Failure):
    """Nothing waits for the answer; ``winner`` closed the task's last review, if it had one.

    Of words that are taken back too late, ``read_by`` says who has them.
    """

    winner: Winner | None = None
    read_by: Reader | None = None


class KickedOff(BaseModel):
    """The execution was accepted; ``warnings`` name the keys of the call that were ignored."""

    kickoff_id: str
    warnings: list[str] | None = None


class NeededInputs(BaseModel):
    """The names of the inputs that kickoff takes."""

    inputs: list[str]


class Resumed(BaseModel):
    """The decision was taken; ``warnings`` name webhooks that get no more, and ignored keys."""

    status: Literal["resumed", "retrying", "completed", "failed"]
    message: str
    kickoff_id: str
    review_id: str
    weighing: bool | None = None
    warnings: list[str] | None = None


class Stopped(BaseModel):
    """The execution was stopped."""

    status: Literal["stopped"]
    kickoffId: str  # noqa: N815 - the wire's own spelling


class Progress(BaseModel):
    """How many of the crew's tasks are final, and which comes next.

    Of a flow the steps that are final: how many there will be is not known.
    """

    completed_tasks: int
    total_tasks: int | None = None
    unit: Literal["task", "step"]
    completed: int
    total: int | None = None
    remaining: int | None = None
    current: str | None = None


class TaskText(BaseModel):
    """A task's final text. ``execution_time`` is in seconds."""

    task_id: str
    name: str
    agent: str
    output: str
    execution_time: float | None = None


class CrewResult(BaseModel):
    """What the crew gave, and its tasks in the crew's order."""

    output: str
    tasks: list[TaskText]


class Pending(BaseModel):
    """A review that waits for a person. Its ``task_id`` names this round and no other.

    ``kind`` says what answers it: ``judge`` a verdict, ``choice`` one of the options in ``emit``,
    ``words`` and ``input`` words, ``effect`` what became of a tool's call, ``approval`` whether a
    tool may be called with the arguments that ``task_output`` holds as JSON. ``weighing``: a model
    weighs what a person said.
    """

    task_id: str
    task_name: str
    round: int
    output_digest: str
    task_output: str
    kind: Literal["judge", "choice", "words", "input", "effect", "approval"]
    method_name: str | None = None
    message: str | None = None
    emit: list[str] | None = None
    default_outcome: str | None = None
    metadata: dict[str, Any] | None = None
    state: dict[str, Any] | None = None
    weighing: bool | None = None
    note: str | None = None


class Status(BaseModel):
    """How an execution stands.

    By the deployment's ``status_form``: ``live`` has ``result`` as a text, ``tasks`` beside it, and
    the state ``RUNNING`` while a person is asked; ``documented`` has both in ``result``.
    """

    status: Literal["running", "pending_human_input", "completed", "error", "stopped"]
    state: Literal["PENDING", "RUNNING", "PENDING_HUMAN_INPUT", "SUCCESS", "FAILED", "REVOKED"]
    kickoff_id: str
    current_task: str | None = None
    progress: Progress
    result: str | CrewResult | None = None
    tasks: list[TaskText] | None = None
    result_json: Any = None
    error: str | None = None
    execution_time: float | None = None
    last_executed_task: TaskText | None = None
    execution_origin: str
    meta: dict[str, Any]
    pending: list[Pending]


class RespondedRequest(BaseModel):
    """What was taken; ``outcome`` is null while a model weighs the words."""

    id: str
    status: Literal["responded"]
    feedback: str
    outcome: str | None
    responded_at: str | None
    responded_via: str


class Responded(BaseModel):
    """The answer was accepted."""

    status: Literal["accepted"]
    request: RespondedRequest
    warnings: list[str] | None = None


class ServiceHealth(BaseModel):
    """Whether executions can be taken and carried on; ``message`` says what is missing.

    ``broken`` are deployments whose code does not load: their kickoffs fail, the others' do not.
    """

    status: Literal["ok", "unavailable"]
    message: str
    not_loaded: list[str]
    broken: list[str]
    crew_workers: list[str]
