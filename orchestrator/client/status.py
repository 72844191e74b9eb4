"""Where an execution stands, and what it waits for, as the service answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDED = frozenset({"completed", "error", "stopped"})
"""The statuses that do not change any more by themselves."""


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A review that waits for an answer. ``id`` names this round and no other.

    ``kind`` says what answers it: ``judge`` (approve or reject), ``choice`` (one of ``options``),
    ``words`` or ``input`` (say something). ``message`` is the question.
    """

    id: str
    task_name: str
    round: int
    output: str
    output_digest: str
    kind: str = "judge"
    options: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionStatus:
    """Where an execution stands. ``body`` is the whole answer."""

    id: str
    status: str
    current_task: str | None
    pending: tuple[OpenReview, ...]
    result: str | None
    error: str | None
    body: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        """Whether it succeeded, failed or was stopped."""
        return self.status in ENDED


def read_status(body: Mapping[str, Any]) -> ExecutionStatus:
    """What the service says of an execution."""
    return ExecutionStatus(
        id=body["kickoff_id"],
        status=body["status"],
        current_task=body.get("current_task"),
        pending=tuple(_review(each) for each in body.get("pending", [])),
        result=_text_of(body.get("result")),
        error=body.get("error"),
        body=body,
    )


def _text_of(result: object) -> str | None:
    """The text of a result in either form of the status, None where there is none yet."""
    text = result.get("output") if isinstance(result, Mapping) else result
    return text if isinstance(text, str) else None


def _review(body: Mapping[str, Any]) -> OpenReview:
    return OpenReview(
        id=body["task_id"],
        task_name=body["task_name"],
        round=body["round"],
        output=body["task_output"],
        output_digest=body["output_digest"],
        kind=body.get("kind", "judge"),
        options=tuple(body.get("emit", ())),
        message=body.get("message", ""),
    )
