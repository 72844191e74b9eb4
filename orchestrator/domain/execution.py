"""An execution: one run of a deployment, and the states that it goes through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.chain import Head
from orchestrator.domain.machine import Machine, Transition
from orchestrator.domain.webhooks import Subscriptions


class ExecutionState(StrEnum):
    """Where an execution stands; the table below says who moves it on."""

    QUEUED = "QUEUED"
    """Kicked off; no worker has begun yet. The first claim of a task run moves it on."""
    RUNNING = "RUNNING"
    """Workers have, or will be sent, something to do."""
    PENDING_HUMAN_INPUT = "PENDING_HUMAN_INPUT"
    """At least one review is open. It is rows and nothing else until a person answers."""
    SUCCEEDED = "SUCCEEDED"
    """Every task is committed. A person may rewind it."""
    FAILED = "FAILED"
    """A task used up its attempts, or could not go on. A person may retry or rewind it."""
    STOPPED = "STOPPED"
    """A person stopped it."""


OPEN = (
    ExecutionState.QUEUED,
    ExecutionState.RUNNING,
    ExecutionState.PENDING_HUMAN_INPUT,
)

EXECUTION = Machine(
    "execution",
    ExecutionState.QUEUED,
    (
        Transition(
            "start",
            (ExecutionState.QUEUED,),
            ExecutionState.RUNNING,
            "a worker claimed the first task run",
        ),
        Transition(
            "halt",
            (ExecutionState.RUNNING,),
            ExecutionState.PENDING_HUMAN_INPUT,
            "a task's output was put before a person",
        ),
        Transition(
            "carry_on",
            (ExecutionState.PENDING_HUMAN_INPUT,),
            ExecutionState.RUNNING,
            "the last open review was answered",
        ),
        Transition(
            "succeed",
            (ExecutionState.RUNNING,),
            ExecutionState.SUCCEEDED,
            "every task is committed",
        ),
        Transition(
            "fail",
            OPEN,
            ExecutionState.FAILED,
            "a task used up its attempts or could not go on",
        ),
        Transition("stop", OPEN, ExecutionState.STOPPED, "a person stopped it"),
        Transition(
            "retry",
            (ExecutionState.FAILED,),
            ExecutionState.RUNNING,
            "a person asked for the failed task to be run again",
        ),
        Transition(
            "rewind",
            (
                ExecutionState.RUNNING,
                ExecutionState.PENDING_HUMAN_INPUT,
                ExecutionState.SUCCEEDED,
                ExecutionState.FAILED,
            ),
            ExecutionState.RUNNING,
            "a person had it go on from an earlier checkpoint",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a deployment; ``id`` is what the wire calls ``kickoff_id``.

    ``sequence`` counts the events told to webhooks, ``checkpoints`` the checkpoints written.
    ``result`` is the id of the output that is the crew's result. ``purged_at`` is when its
    deliveries, and what its outputs held, were deleted. ``forked_from`` is the id of the execution
    whose checkpoint ``forked_at`` it began with. ``requester`` is the address of the person who
    wanted it, where the kickoff says so: four eyes never have that person decide. ``entries`` and
    ``last_digest`` are the end of the chain of its timeline. ``plan_digest`` is that of the plan
    that it began with, or was migrated to since.
    """

    id: str
    deployment: str
    state: ExecutionState
    version: int
    origin: str
    actor: str
    plan_digest: str
    inputs: JsonObject
    meta: JsonObject
    subscriptions: Subscriptions
    carry_webhooks: bool
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    result: str | None = None
    sequence: int = 0
    checkpoints: int = 0
    batch: str | None = None
    purged_at: datetime | None = None
    forked_from: str | None = None
    forked_at: int | None = None
    requester: str | None = None
    entries: int = 0
    last_digest: str | None = None

    @property
    def head(self) -> Head:
        """The end of the chain of its timeline."""
        return Head(self.entries, self.last_digest)

    def chained(self, head: Head) -> Execution:
        """Its timeline goes on to there."""
        return replace(self, entries=head.entries, last_digest=head.digest)

    def migrate(self, plan_digest: str) -> Execution:
        """It goes on by another plan, in which the tasks have other names."""
        return replace(self, plan_digest=plan_digest)

    @property
    def is_open(self) -> bool:
        """Whether it may still change without a person asking for that."""
        return self.state in OPEN

    def _end(self, now: datetime) -> datetime:
        """No earlier than it began, though the clock may have been set back meanwhile."""
        return max(now, self.started_at or self.created_at)

    def start(self, now: datetime) -> Execution:
        """A worker claimed the first task run."""
        return replace(self, state=EXECUTION.follow("start", self.state), started_at=now)

    def halt(self) -> Execution:
        """A task's output was put before a person."""
        return replace(self, state=EXECUTION.follow("halt", self.state))

    def carry_on(self) -> Execution:
        """The last open review was answered."""
        return replace(self, state=EXECUTION.follow("carry_on", self.state))

    def succeed(self, now: datetime, result: str | None) -> Execution:
        """Every task is committed; ``result`` is the id of the crew's output."""
        state = EXECUTION.follow("succeed", self.state)
        return replace(self, state=state, finished_at=self._end(now), result=result)

    def fail(self, now: datetime, error: str) -> Execution:
        """A task used up its attempts, or could not go on."""
        state = EXECUTION.follow("fail", self.state)
        return replace(self, state=state, finished_at=self._end(now), error=error)

    def stop(self, now: datetime) -> Execution:
        """A person stopped it."""
        return replace(self, state=EXECUTION.follow("stop", self.state), finished_at=self._end(now))

    def retry(self) -> Execution:
        """A person asked for the failed task to be run again."""
        state = EXECUTION.follow("retry", self.state)
        return replace(self, state=state, finished_at=None, error=None)

    def rewind(self) -> Execution:
        """A person had it go on from an earlier checkpoint."""
        state = EXECUTION.follow("rewind", self.state)
        return replace(self, state=state, finished_at=None, error=None, result=None)
