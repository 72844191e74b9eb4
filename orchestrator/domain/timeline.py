"""The timeline: what happened to an execution, by whom, in order. Append-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.recipient import RECIPIENT
from orchestrator.domain.review import REVIEW

SWEEP = "sweep"
"""The actor of what nobody asked for but time."""

REVIEW_EVENTS = (
    "review.open",
    *(f"review.{each.name}" for each in REVIEW.transitions),
    "review.nobody",
    "recipient.ask",
    "recipient.snooze",
    "recipient.undeliverable",
    *(f"recipient.{each.name}" for each in RECIPIENT.transitions),
)
"""All that happens to a review, and to those who are asked in it."""


def token_actor(name: str) -> str:
    """The actor of a call that came with an API token of that name."""
    return f"token:{name}"


def person_actor(address: str) -> str:
    """The actor of what a person did who is known by a mail address."""
    return f"person:{address}"


def worker_actor(name: str) -> str:
    """The actor of what a worker process did."""
    return f"worker:{name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline.

    ``event`` is a noun and the name of its transition (``review.answer``); ``subject_id`` is the
    id of that noun. ``number`` is given by the store, rising.
    """

    execution_id: str
    deployment: str
    at: datetime
    actor: str
    event: str
    subject_id: str
    task_name: str | None = None
    round: int | None = None
    details: JsonObject = field(default_factory=dict)
    number: int | None = None
