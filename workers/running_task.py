"""One claimed task run in this process: what its runner tells of it, and how long it may take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from orchestrator.domain import retry
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.webhooks import Stream
from orchestrator.errors import ClaimLost
from orchestrator.ports import WHOLE_FLOW, AgentStep, Ports
from orchestrator.usecases.executions.claims import is_current, renew_claim
from orchestrator.usecases.webhooks.stream_events import RunnerEvent

T = TypeVar("T")

BEAT = 1.0
"""Seconds between looks: how long steps and events are gathered before they are written."""

MOST_KEPT = 10_000
"""Events of one task, and steps, that wait to be written while the database is away; the oldest go
first."""


class RunningTask:
    """What a runner tells of one claimed task run, and is told. Kept by the thread.

    Reporting costs the runner's thread next to nothing: the keeper's thread writes. ``hurry`` is
    called for what should not wait for the next look.
    """

    def __init__(
        self, run: TaskRun, limit: timedelta, stream: Stream | None, hurry: Callable[[], None]
    ) -> None:
        self.run = run
        self._stream = stream
        self._hurry = hurry
        self._steps_end_at: dict[str, float] = {}
        self._beginning = threading.Lock()
        self._limit = limit.total_seconds()
        self._ends_at = time.monotonic() + self._limit
        self._renewed_at = time.monotonic()
        self._noted_step: str | None = None
        self._noted_at = -float("inf")
        self._lost = threading.Event()
        self._steps: deque[AgentStep] = deque(maxlen=MOST_KEPT)
        self._events: deque[RunnerEvent] = deque(maxlen=MOST_KEPT)

    def check(self) -> None:
        """Raise ClaimLost when the run was stopped or its claim was lost."""
        if self._lost.is_set():
            raise ClaimLost

    def begin(self, path: str) -> None:
        """A step of a flow begins: it has the time limit from now on, as all that it stands in."""
        with self._beginning:
            self._steps_end_at[path] = 0.0
            self._limit_anew(path)

    def end(self, path: str) -> None:
        """Neither the step at this path runs any more, nor what is inside it.

        Those that it stands in go on, and have the time limit from now on.
        """
        with self._beginning:
            for begun in list(self._steps_end_at):
                if begun == path or begun.startswith(f"{path}/"):
                    del self._steps_end_at[begun]
            self._limit_anew(path)

    def _limit_anew(self, path: str) -> None:
        self._ends_at = time.monotonic() + self._limit
        for begun in self._steps_end_at:
            if begun in (path, WHOLE_FLOW) or path.startswith(f"{begun}/"):
                self._steps_end_at[begun] = self._ends_at

    @property
    def current_step(self) -> str | None:
        """The step that has run for longest, of those that a method of a flow is."""
        begun = (path for path in list(self._steps_end_at) if path and "/" not in path)
        return next(begun, None)

    @property
    def overdue_step(self) -> str | None:
        """A step that has run for longer than it may, the innermost; None where there is none."""
        now = time.monotonic()
        overdue = [path for path, at in dict(self._steps_end_at).items() if now > at]
        return max(overdue, key=lambda path: (path.count("/"), path != WHOLE_FLOW), default=None)

    def step(self, step: AgentStep) -> None:
        """Note a thought or tool call of an agent."""
        self._steps.append(step)

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None:
        """Note an event of the runner's own bus, if somebody listens to its kind."""
        if self._stream is None or not self._stream.wants(kind):
            return
        self._events.append(RunnerEvent(kind, data(), datetime.now(UTC)))
        if self._stream.realtime:
            self._hurry()

    def taken_steps(self) -> Sequence[AgentStep]:
        """The steps noted since the last call."""
        return _taken(self._steps)

    def taken_events(self) -> Sequence[RunnerEvent]:
        """The events noted since the last call."""
        return _taken(self._events)

    def put_back_steps(self, steps: Sequence[AgentStep]) -> None:
        """Note these again: they were taken, and could not be written."""
        _put_back(self._steps, steps)

    def put_back_events(self, events: Sequence[RunnerEvent]) -> None:
        """Note these again: they were taken, and could not be written."""
        _put_back(self._events, events)

    def keep(self, ports: Ports) -> None:
        """See whether the claim still holds, and renew it when it is time to, up to its end.

        A step that is no longer the one that was noted makes it time, too, but only each ``BEAT``:
        a stream in real time has this called far more often.
        """
        now, step = time.monotonic(), self.current_step
        if now > self._ends_at or self._lost.is_set():
            return
        is_due = now - self._renewed_at >= retry.RENEWAL.total_seconds()
        is_news = step != self._noted_step and now - self._noted_at >= BEAT
        if is_due or is_news:
            holds = renew_claim(ports, self.run, step)
            self._renewed_at = self._noted_at = now
            self._noted_step = step
        else:
            holds = is_current(ports, self.run)
        if not holds:
            self._lost.set()


def _taken(noted: deque[T]) -> list[T]:
    """Empty it, while others go on appending, or empty it as well."""
    taken: list[T] = []
    with suppress(IndexError):
        while noted:
            taken.append(noted.popleft())
    return taken


def _put_back(noted: deque[T], taken: Sequence[T]) -> None:
    """Before what was noted meanwhile; where there is no room for all, the oldest go."""
    room = MOST_KEPT - len(noted)
    noted.extendleft(reversed(taken[max(0, len(taken) - room) :]))
