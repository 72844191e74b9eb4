"""A task run: one task in one round. Claims of it are attempts, each under a lease."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.canonical import Json, JsonObject
from orchestrator.domain.machine import Machine, Transition
from orchestrator.domain.renaming import Renames
from orchestrator.domain.retry import publish_again_at
from orchestrator.domain.usage import added_to, counts_of


class TaskRunState(StrEnum):
    """Where a task run stands."""

    DUE = "DUE"
    """Waits for a worker, from ``due_at`` on."""
    RUNNING = "RUNNING"
    """A worker holds the claim, until its lease lapses."""
    UNDER_REVIEW = "UNDER_REVIEW"
    """A person has yet to judge its output, or to say what becomes of a tool's call."""
    COMMITTED = "COMMITTED"
    """Its output is final: it never runs again."""
    HALTED = "HALTED"
    """A person was asked in its middle; the next round goes on once somebody answers."""
    REJECTED = "REJECTED"
    """A person asked for changes; the next round has a task run of its own."""
    FAILED = "FAILED"
    """Its attempts are used up."""
    WITHDRAWN = "WITHDRAWN"
    """Its execution ended without it."""
    SUPERSEDED = "SUPERSEDED"
    """A person took back what it did: the next round has a task run of its own."""


_OPEN = (TaskRunState.DUE, TaskRunState.RUNNING, TaskRunState.UNDER_REVIEW)

TASK_RUN = Machine(
    "task run",
    TaskRunState.DUE,
    (
        Transition("claim", (TaskRunState.DUE,), TaskRunState.RUNNING, "a worker took it"),
        Transition(
            "give_back",
            (TaskRunState.RUNNING,),
            TaskRunState.DUE,
            "the worker shuts down; counts as no attempt",
        ),
        Transition(
            "try_again",
            (TaskRunState.RUNNING,),
            TaskRunState.DUE,
            "the attempt failed or its lease lapsed, and attempts are left",
        ),
        Transition(
            "ask",
            (TaskRunState.RUNNING,),
            TaskRunState.UNDER_REVIEW,
            "a person has to judge the output",
        ),
        Transition(
            "doubt",
            (TaskRunState.DUE,),
            TaskRunState.UNDER_REVIEW,
            "a tool that must not run twice was called, and nobody knows with what effect",
        ),
        Transition(
            "pause",
            (TaskRunState.RUNNING,),
            TaskRunState.UNDER_REVIEW,
            "a tool was called that a person has to approve; counts as no attempt",
        ),
        Transition(
            "settle",
            (TaskRunState.UNDER_REVIEW,),
            TaskRunState.DUE,
            "a person said what becomes of that call",
        ),
        Transition(
            "commit",
            (TaskRunState.RUNNING, TaskRunState.UNDER_REVIEW),
            TaskRunState.COMMITTED,
            "the output is final: no review was due, or a person approved",
        ),
        Transition(
            "halt",
            (TaskRunState.RUNNING,),
            TaskRunState.HALTED,
            "nothing is left to do before a person answers",
        ),
        Transition(
            "reject",
            (TaskRunState.UNDER_REVIEW,),
            TaskRunState.REJECTED,
            "a person asked for changes",
        ),
        Transition(
            "fail",
            (TaskRunState.RUNNING,),
            TaskRunState.FAILED,
            "the attempts are used up, or another would fail alike",
        ),
        Transition(
            "withdraw", _OPEN, TaskRunState.WITHDRAWN, "the execution failed or was stopped"
        ),
        Transition(
            "ask_again",
            (TaskRunState.WITHDRAWN, TaskRunState.SUPERSEDED),
            TaskRunState.UNDER_REVIEW,
            "a person retries or rewinds the execution, and the output has yet to be judged",
        ),
        Transition(
            "supersede",
            (
                *_OPEN,
                TaskRunState.COMMITTED,
                TaskRunState.REJECTED,
                TaskRunState.FAILED,
                TaskRunState.WITHDRAWN,
            ),
            TaskRunState.SUPERSEDED,
            "a person rewound the execution, or had an earlier task reworked",
        ),
    ),
)


WEIGH = "weigh/"
"""How the path of a run begins that has a model weigh what a person said in a review."""


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task in one round. ``path`` names the task within the plan.

    ``claim_no`` counts the claims: a result is accepted only with the current one. ``attempts``
    counts the claims that used up one of the allowed runs. ``wake_at`` is when the sweep publishes
    the row again, ``published_at`` when that last happened (``publishes`` times in all).
    ``execution_time`` is in seconds; ``usage`` are token counts of the accepted result, and of a
    flow's steps that were committed, whatever became of their attempt.
    ``resumes`` says that the run follows from what a person did: an answer, a retry, a rewind or a
    fork. ``trace`` has the ``traceparent`` of what caused the run, and for the first after that the
    one of the trace ``before``.
    ``current_step`` is the path of a step of a flow that was at work when the lease was renewed.
    ``held`` says that it waits for its turn and is not published, since enough runs of its
    deployment are.
    ``saved`` are the calls and tokens that the journal spared its attempts.
    """

    id: str
    execution_id: str
    deployment: str
    path: str
    task_name: str
    round: int
    state: TaskRunState
    version: int
    created_at: datetime
    due_at: datetime
    published_at: datetime
    wake_at: datetime
    publishes: int = 1
    resumes: bool = False
    claim_no: int = 0
    claimed_by: str | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output_id: str | None = None
    usage: JsonObject | None = None
    execution_time: float | None = None
    error: str | None = None
    trace: JsonObject | None = None
    current_step: str | None = None
    held: bool = False
    saved: JsonObject | None = None

    @property
    def is_open(self) -> bool:
        """Whether its execution still waits for it."""
        return self.state in _OPEN

    @property
    def at_step(self) -> str | None:
        """The path of a step of a flow that is at work, as far as its worker has said."""
        return self.current_step if self.state is TaskRunState.RUNNING else None

    @property
    def weighs(self) -> str | None:
        """The id of the review whose words the run has weighed, None for a task's own run."""
        return self.path.removeprefix(WEIGH) if self.path.startswith(WEIGH) else None

    def _end(self, now: datetime) -> datetime:
        """No earlier than it began, though the clock may have been set back meanwhile."""
        return max(now, self.started_at or self.created_at)

    def claim(self, worker: str, now: datetime, lease_until: datetime) -> TaskRun:
        """A worker takes the run; only a result with the new ``claim_no`` will be accepted."""
        return replace(
            self,
            state=TASK_RUN.follow("claim", self.state),
            claim_no=self.claim_no + 1,
            attempts=self.attempts + 1,
            claimed_by=worker,
            lease_until=lease_until,
            started_at=self.started_at or now,
            current_step=None,
            held=False,
        )

    def rename(self, renames: Renames) -> TaskRun:
        """Its task, or the flow's step at which it is, has another name now."""
        if self.weighs:
            return self  # its name is that of what it weighs
        step = self.current_step and renames.path(self.current_step)
        name = renames.name(self.path, self.task_name)
        return replace(self, path=renames.path(self.path), task_name=name, current_step=step)

    def give_back(self, now: datetime) -> TaskRun:
        """The worker shuts down, and has the run published; the claim counts as no attempt."""
        return replace(
            self._released("give_back", now),
            attempts=self.attempts - 1,
            published_at=now,
            wake_at=publish_again_at(now, 1),
            publishes=1,
        )

    def try_again(self, due_at: datetime, error: str) -> TaskRun:
        """The attempt failed, and another is allowed at ``due_at``: the sweep publishes it then."""
        return replace(
            self._released("try_again", due_at), wake_at=due_at, publishes=0, error=error
        )

    def _released(self, transition: str, due_at: datetime) -> TaskRun:
        return replace(
            self,
            state=TASK_RUN.follow(transition, self.state),
            claimed_by=None,
            lease_until=None,
            due_at=due_at,
        )

    def ask(self, output_id: str, usage: JsonObject, seconds: float) -> TaskRun:
        """A person has to judge the output."""
        state = TASK_RUN.follow("ask", self.state)
        return replace(
            self.metered(usage, seconds),
            state=state,
            output_id=output_id,
            lease_until=None,
            error=None,
        )

    def pause(self, usage: JsonObject, seconds: float) -> TaskRun:
        """A person has to approve the call of a tool; the claim counts as no attempt.

        ``usage`` are the tokens that no later attempt counts.
        """
        return replace(
            self.metered(usage, seconds),
            state=TASK_RUN.follow("pause", self.state),
            attempts=self.attempts - 1,
            claimed_by=None,
            lease_until=None,
            error=None,
        )

    def doubt(self) -> TaskRun:
        """Nobody knows what a call of a tool did that must not run twice: a person has to say."""
        return replace(self, state=TASK_RUN.follow("doubt", self.state))

    def settle(self, now: datetime) -> TaskRun:
        """A person said what becomes of that call, and has the run published."""
        return replace(
            self,
            state=TASK_RUN.follow("settle", self.state),
            due_at=now,
            published_at=now,
            wake_at=publish_again_at(now, 1),
            publishes=1,
            resumes=True,
        )

    def spared(self, saved: Mapping[str, int]) -> TaskRun:
        """The journal spared an attempt these calls and tokens, by name."""
        return replace(self, saved=added_to(self.saved, saved))

    def ask_again(self) -> TaskRun:
        """The execution goes on, and a person has yet to judge the output that is there."""
        return replace(
            self, state=TASK_RUN.follow("ask_again", self.state), finished_at=None, error=None
        )

    def commit(self, now: datetime, output_id: str | None) -> TaskRun:
        """The output is final; there is none where the run had words weighed."""
        state = TASK_RUN.follow("commit", self.state)
        return replace(
            self,
            state=state,
            output_id=output_id,
            finished_at=self._end(now),
            lease_until=None,
            error=None,
        )

    def halt(self, now: datetime, usage: JsonObject, seconds: float) -> TaskRun:
        """Nothing is left to do before a person answers."""
        state = TASK_RUN.follow("halt", self.state)
        return replace(
            self.metered(usage, seconds),
            state=state,
            finished_at=self._end(now),
            lease_until=None,
            error=None,
        )

    def advanced(self) -> TaskRun:
        """A step of it was committed: the next one has all its attempts."""
        return self if self.attempts == 1 else replace(self, attempts=1)

    def paid(self, usage: Mapping[str, Json]) -> TaskRun:
        """A step of it cost this, and never runs again: it counts whatever becomes of the rest."""
        return replace(self, usage=added_to(self.usage, usage)) if usage else self

    def unpaid(self, usage: Mapping[str, int], claimed: TaskRun) -> dict[str, int]:
        """What an attempt cost, without what its steps have added since it was ``claimed``."""
        left = Counter(usage)
        for run, sign in ((claimed, 1), (self, -1)):
            for name, count in counts_of(run.usage).items():
                left[name] += sign * count
        return dict(left)

    def metered(self, usage: JsonObject, seconds: float) -> TaskRun:
        """Note what the accepted run cost, beside what it had cost up to a pause."""
        return replace(
            self,
            usage=added_to(self.usage, usage),
            execution_time=(self.execution_time or 0) + seconds,
        )

    def reject(self, now: datetime) -> TaskRun:
        """A person asked for changes."""
        return replace(
            self, state=TASK_RUN.follow("reject", self.state), finished_at=self._end(now)
        )

    def fail(self, now: datetime, error: str) -> TaskRun:
        """The attempts are used up, or another would fail alike."""
        state = TASK_RUN.follow("fail", self.state)
        return replace(self, state=state, finished_at=self._end(now), error=error, lease_until=None)

    def withdraw(self, now: datetime) -> TaskRun:
        """The execution ended without it."""
        state = TASK_RUN.follow("withdraw", self.state)
        return replace(self, state=state, finished_at=self._end(now), lease_until=None)

    def supersede(self, now: datetime) -> TaskRun:
        """A person took back what it did, or what it was doing."""
        return replace(
            self,
            state=TASK_RUN.follow("supersede", self.state),
            finished_at=self.finished_at or self._end(now),
            lease_until=None,
        )
