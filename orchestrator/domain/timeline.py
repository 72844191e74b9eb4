"""The timeline: what happened to an execution, by whom, in order. Append-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.domain.canonical import JsonObject, digest, moment
from orchestrator.domain.recipient import RECIPIENT
from orchestrator.domain.review import REVIEW

SWEEP = "sweep"
"""The actor of what nobody asked for but time."""

REVIEW_EVENTS = (
    "review.open",
    *(f"review.{each.name}" for each in REVIEW.transitions),
    "review.too_few",
    "review.take_back",
    "recipient.ask",
    "recipient.snooze",
    "recipient.undeliverable",
    "recipient.reached",
    *(f"recipient.{each.name}" for each in RECIPIENT.transitions),
)
"""All that happens to a review, and to those who are asked in it."""

WORDS = ("feedback",)
"""The details that hold what a person said: a purge takes them out."""


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
    id of that noun. ``number`` is given by the store, rising. It is chained by ``domain.chain`` to
    the others of its execution or, where ``endpoint_id`` names one, to those of that endpoint: what
    is written while the endpoint is held, and not the execution. ``salt`` is what people's words
    were digested with; None where there are none, or none any more.
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
    endpoint_id: str | None = None
    place: int | None = None
    digest: str | None = None
    salt: str | None = None

    @property
    def stream(self) -> str:
        """The chain that the entry stands in."""
        if self.endpoint_id is not None:
            return f"endpoint:{self.endpoint_id}"
        return f"execution:{self.execution_id}"

    def says(self) -> JsonObject:
        """All that the entry's digest covers, besides its place."""
        return {
            "stream": self.stream,
            "execution_id": self.execution_id,
            "deployment": self.deployment,
            "at": moment(self.at),
            "actor": self.actor,
            "event": self.event,
            "subject_id": self.subject_id,
            "task_name": self.task_name,
            "round": self.round,
            "details": self.details,
        }


def redacted(details: JsonObject, salt: str) -> JsonObject:
    """What a purge leaves of details: a digest in the place of what a person said.

    The salt goes with the words, so that nobody guesses them.
    """
    left = {key: value for key, value in details.items() if key not in WORDS}
    said = {f"{key}_digest": digest([salt, details[key]]) for key in WORDS if key in details}
    return {**left, **said}
