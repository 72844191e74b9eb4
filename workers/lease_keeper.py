"""A thread that keeps this process's claims alive, passes on its steps, and says that it lives."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import TypeVar

import structlog
from billiard.common import terminate_handler_fired
from celery.exceptions import SoftTimeLimitExceeded

from orchestrator.domain import retry
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.timeline import worker_actor
from orchestrator.domain.webhooks import Stream
from orchestrator.errors import OutOfTime, Transient
from orchestrator.ports import WHOLE_FLOW, Ports, StepWatch, Transaction
from orchestrator.usecases.executions.fail_attempt import fail_attempt
from orchestrator.usecases.outage import log_failure
from orchestrator.usecases.webhooks.agent_steps import emit_steps
from orchestrator.usecases.webhooks.stream_events import emit_events
from workers.running_task import BEAT, RunningTask

log = structlog.get_logger()

T = TypeVar("T")

REST = 5.0
"""The same while this process runs no task. It goes into the ten seconds between signs of life."""

REALTIME = 0.05
"""The same for a stream that wants its events one by one, as they happen."""

GOODBYE = 3.0
"""Seconds that a process has to end by itself once it was told to. CrewAI calls models and tools in
threads, and waits for them even then."""


class ChildEnds(BaseException):
    """This process was told to end in the middle of a task: no failure of that task.

    The task meets the signal as a ``SystemExit``, as if its own code had left. Its parent gives the
    claim back.
    """


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

        A crew's task has the time limit of its job instead. Between its steps a flow may wait for
        a database that is away, or was just now, to take what it holds.
        """
        step = running.overdue_step
        if step is None or (step == WHOLE_FLOW and not self.knows_who_lives):
            return
        limit = self._ports.deployments.get(running.run.deployment).task_time_limit
        reason = f"Step '{step}' ran over its time limit of {limit.total_seconds():g} s"
        if step == WHOLE_FLOW:
            reason = f"Outside its steps it ran over the time limit of {limit.total_seconds():g} s"
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
