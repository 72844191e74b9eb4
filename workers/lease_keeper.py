"""A thread that keeps this process's claims alive, passes on its steps, and says that it lives."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

import structlog
from billiard.common import terminate_handler_fired
from celery.exceptions import SoftTimeLimitExceeded

from orchestrator.domain import retry
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import worker_actor
from orchestrator.domain.webhooks import Stream
from orchestrator.errors import ClaimLost, OutOfTime, Transient
from orchestrator.ports import Ports, Step, StepWatch, Transaction
from orchestrator.usecases.executions.claims import is_current, renew_claim
from orchestrator.usecases.executions.fail_attempt import fail_attempt
from orchestrator.usecases.outage import log_failure
from orchestrator.usecases.webhooks.agent_steps import emit_steps
from orchestrator.usecases.webhooks.stream_events import RunnerEvent, emit_events

log = structlog.get_logger()

T = TypeVar("T")

BEAT = 1.0
"""Seconds between looks: how long steps and events are gathered before they are written."""

REST = 5.0
"""The same while this process runs no task. It goes into the ten seconds between signs of life."""

REALTIME = 0.05
"""The same for a stream that wants its events one by one, as they happen."""

MOST_KEPT = 10_000
"""Events of one task, and steps, that wait to be written while the database is away; the oldest go
first."""


GOODBYE = 3.0
"""Seconds that a process has to end by itself once it was told to. CrewAI calls models and tools in
threads, and waits for them even then."""


class ChildEnds(BaseException):
    """This process was told to end in the middle of a task: no failure of that task.

    The task meets the signal as a ``SystemExit``, as if its own code had left. Its parent gives the
    claim back.
    """


class RunningTask:
    """What a runner tells of one claimed task run, and is told. Kept by the thread.

    StepReporter costs the runner's thread next to nothing: the keeper's thread writes. ``hurry`` is
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
        self._steps: deque[Step] = deque(maxlen=MOST_KEPT)
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
            if path == begun or path.startswith(f"{begun}/"):
                self._steps_end_at[begun] = self._ends_at

    @property
    def current_step(self) -> str | None:
        """The step that has run for longest, of those that a method of a flow is."""
        begun = (path for path in list(self._steps_end_at) if "/" not in path)
        return next(begun, None)

    @property
    def overdue_step(self) -> str | None:
        """A step that has run for longer than it may, the innermost; None where there is none."""
        now = time.monotonic()
        overdue = [path for path, at in dict(self._steps_end_at).items() if now > at]
        return max(overdue, key=lambda path: path.count("/"), default=None)

    def step(self, step: Step) -> None:
        """Note a thought or tool call of an agent."""
        self._steps.append(step)

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None:
        """Note an event of the runner's own bus, if somebody listens to its kind."""
        if self._stream is None or not self._stream.wants(kind):
            return
        self._events.append(RunnerEvent(kind, data(), datetime.now(UTC)))
        if self._stream.realtime:
            self._hurry()

    def taken_steps(self) -> Sequence[Step]:
        """The steps noted since the last call."""
        return _taken(self._steps)

    def taken_events(self) -> Sequence[RunnerEvent]:
        """The events noted since the last call."""
        return _taken(self._events)

    def put_back_steps(self, steps: Sequence[Step]) -> None:
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


def _is_out_of_time(error: BaseException | None) -> bool:
    """Say whether the soft time limit is behind an error: a runner may have wrapped it."""
    met: set[int] = set()  # such chains can be circles
    while error is not None and id(error) not in met:
        if isinstance(error, SoftTimeLimitExceeded):
            return True
        met.add(id(error))
        error = error.__cause__ or error.__context__
    return False


class ThreadLeaseKeeper:
    """Renews the leases of all task runs that this process holds, from one thread.

    ``grace`` is what a task that is over its time limit has left before its process is killed: its
    lease holds until then.
    """

    def __init__(
        self, ports: Ports, worker: str, queues: Sequence[str], grace: timedelta = timedelta()
    ) -> None:
        self._ports = ports
        self._grace = grace
        self._worker = worker
        self._queues = queues
        self._running: dict[str, RunningTask] = {}
        self._plans: Mapping[str, str] = MappingProxyType({})
        self._seen_at = 0.0
        self._heard_at = time.monotonic()
        self._heard_since = -float("inf")
        self._told_to_end_at: float | None = None
        self._hurry = threading.Event()
        self._began = self._rests_long = False

    @property
    def process(self) -> str:
        """The name of this process: the worker's, and which of its children it is."""
        return f"{self._worker}/{os.getpid()}"

    @property
    def knows_who_lives(self) -> bool:
        """Whether the database heard from this process without a break, and so from all others.

        After a time without the database each needs a moment to give its next sign.
        """
        now = time.monotonic()
        live = retry.LIVES_WITHIN.total_seconds()
        return now - self._heard_at < live and now - self._heard_since >= live

    def begin(self, plans: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start the thread, and say that this worker lives.

        ``plans`` are the digests of what this process has loaded, by deployment.
        """
        self._plans = plans
        self._heard_at = time.monotonic()  # loading the code may have taken long
        self._say_that_it_lives()
        threading.Thread(target=self._keep_all, name="lease-keeper", daemon=True).start()

    @contextmanager
    def keep(self, run: TaskRun, stream: Stream | None = None) -> Iterator[StepWatch]:
        """Renew the lease until the context ends, or until the claim turns out to be lost.

        Raises OutOfTime when the time limit ended the task, ChildEnds when a shutdown did.
        """
        limit = self._ports.deployments.get(run.deployment).task_time_limit
        running = RunningTask(run, limit + self._grace, stream, self._hurry.set)
        self._running[run.id] = running
        self._began = True
        if self._rests_long:
            self._hurry.set()
        try:
            yield running
        except BaseException as error:
            if _is_out_of_time(error):
                seconds = f"{limit.total_seconds():g}"
                raise OutOfTime(f"The task ran over its time limit of {seconds} s") from None
            if terminate_handler_fired():
                raise ChildEnds from error
            raise
        finally:
            del self._running[run.id]
            self._pass_on(running)

    def _keep_all(self) -> None:
        while True:
            self._rest()
            for running in list(self._running.values()):
                self._surviving(running)
                self._end_overdue_step(running)
            if time.monotonic() - self._seen_at >= retry.RENEWAL.total_seconds():
                self._say_that_it_lives()
            self._end_when_told()

    def _rest(self) -> None:
        """Wait for the next look, or until something hurries: for long where no task ran lately.

        A task that begins says so before it asks whether there is a long rest to end, and here it
        is the other way round: one of the two sees the other.
        """
        self._rests_long = True
        if self._running or self._began:
            self._rests_long = False
        self._began = False
        hurried = self._hurry.wait(REST if self._rests_long else BEAT)
        self._rests_long = False
        if hurried:
            time.sleep(REALTIME)  # what comes close together is written together
            self._hurry.clear()

    def _end_when_told(self) -> None:
        """End a process that something holds up: its parent waits to give its claims back."""
        if not terminate_handler_fired():
            return
        now = time.monotonic()
        self._told_to_end_at = self._told_to_end_at or now
        if now - self._told_to_end_at > GOODBYE:
            os._exit(os.EX_SOFTWARE)

    def _end_overdue_step(self, running: RunningTask) -> None:
        """End the process, since threads cannot be ended: its parent replaces it.

        A crew's task has the time limit of its job instead.
        """
        step = running.overdue_step
        if step is None:
            return
        limit = self._ports.deployments.get(running.run.deployment).task_time_limit
        reason = f"Step '{step}' ran over its time limit of {limit.total_seconds():g} s"
        try:
            fail_attempt(self._ports, running.run, worker_actor(self._worker), reason)
        finally:
            os._exit(os.EX_SOFTWARE)

    def _surviving(self, running: RunningTask) -> None:
        """A database that is away for a moment must not end the thread."""
        try:
            running.keep(self._ports)
        except Exception as error:  # noqa: BLE001 - logged
            log_failure(log, "lease could not be renewed", error, task_run_id=running.run.id)
        self._pass_on(running)

    def _pass_on(self, running: RunningTask) -> None:
        """Write what was told; where that fails, the task's result is worth more than its steps."""
        self._write(running, running.taken_steps(), emit_steps, running.put_back_steps)
        self._write(running, running.taken_events(), emit_events, running.put_back_events)

    def _write(
        self,
        running: RunningTask,
        told: Sequence[T],
        emit: Callable[[Ports, TaskRun, str, Sequence[T]], None],
        put_back: Callable[[Sequence[T]], None],
    ) -> None:
        """What a database that is away does not take waits for the next look."""
        try:
            if told:
                emit(self._ports, running.run, self._worker, told)
        except Exception as error:  # noqa: BLE001 - logged
            if isinstance(error, Transient):
                put_back(told)
            log_failure(log, "steps could not be written", error, task_run_id=running.run.id)

    def _say_that_it_lives(self) -> None:
        self._seen_at = time.monotonic()
        try:
            self._ports.store.transact(self._sign, durable=False)
        except Exception as error:  # noqa: BLE001 - logged
            log_failure(log, "worker could not say that it lives", error, worker=self._worker)
            return
        now = time.monotonic()
        if now - self._heard_at > retry.LIVES_WITHIN.total_seconds():
            self._heard_since = now
        self._heard_at = now

    def _sign(self, tx: Transaction) -> None:
        ahead = self._ports.clock.now() - tx.now()
        tx.workers.seen(self._worker, self._queues, ahead)
        if self._plans:
            tx.workers.loaded(self.process, self._worker, self._plans)
