"""A thread that keeps this process's claims alive, passes on its steps, and says that it lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import structlog

from orchestrator.domain import retry
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import ClaimLost
from orchestrator.ports import Ports, Progress, Step
from orchestrator.usecases.claims import renew_claim
from orchestrator.usecases.tell_steps import tell_steps

log = structlog.get_logger()

BEAT = 1.0
"""Seconds between looks: how long steps are gathered before they are written."""


class RunningTask:
    """What a runner tells of one claimed task run, and is told. Kept by the thread."""

    def __init__(self, run: TaskRun, limit: timedelta) -> None:
        self.run = run
        self._ends_at = time.monotonic() + limit.total_seconds()
        self._renewed_at = time.monotonic()
        self._lost = threading.Event()
        self._steps: list[Step] = []

    def check(self) -> None:
        """Raise ClaimLost when the run was stopped or its claim was lost."""
        if self._lost.is_set():
            raise ClaimLost

    def step(self, step: Step) -> None:
        """Note a thought or tool call of an agent."""
        self._steps.append(step)

    def event(self, kind: str, data: JsonObject) -> None:
        """Nobody listens to the runner's own events yet."""

    def taken_steps(self) -> Sequence[Step]:
        """The steps noted since the last call."""
        steps, self._steps = self._steps, []
        return steps

    def keep(self, ports: Ports) -> None:
        """Renew the claim when it is time to, until the task's time limit."""
        now = time.monotonic()
        if now - self._renewed_at < retry.RENEWAL.total_seconds() or now > self._ends_at:
            return
        if renew_claim(ports, self.run):
            self._renewed_at = now
        else:
            self._lost.set()


class ThreadLeaseKeeper:
    """Renews the leases of all task runs that this process holds, from one thread."""

    def __init__(self, ports: Ports, worker: str, queues: Sequence[str]) -> None:
        self._ports = ports
        self._worker = worker
        self._queues = queues
        self._running: dict[str, RunningTask] = {}
        self._seen_at = 0.0

    def begin(self) -> None:
        """Start the thread, and say that this worker lives."""
        self._say_that_it_lives()
        threading.Thread(target=self._keep_all, name="lease-keeper", daemon=True).start()

    @contextmanager
    def keep(self, run: TaskRun) -> Iterator[Progress]:
        """Renew the lease until the context ends, or until the claim turns out to be lost."""
        limit = self._ports.deployments.get(run.deployment).task_time_limit
        running = RunningTask(run, limit)
        self._running[run.id] = running
        try:
            yield running
        finally:
            del self._running[run.id]
            self._pass_on(running)

    def _keep_all(self) -> None:
        while True:
            time.sleep(BEAT)
            for running in list(self._running.values()):
                self._surviving(running)
            if time.monotonic() - self._seen_at >= retry.RENEWAL.total_seconds():
                self._say_that_it_lives()

    def _surviving(self, running: RunningTask) -> None:
        """A database that is away for a moment must not end the thread."""
        try:
            running.keep(self._ports)
            self._pass_on(running)
        except Exception:
            log.exception("lease could not be renewed", task_run_id=running.run.id)

    def _pass_on(self, running: RunningTask) -> None:
        steps = running.taken_steps()
        if steps:
            tell_steps(self._ports, running.run, self._worker, steps)

    def _say_that_it_lives(self) -> None:
        self._seen_at = time.monotonic()
        try:
            self._ports.store.transact(lambda tx: tx.workers.seen(self._worker, self._queues))
        except Exception:
            log.exception("worker could not say that it lives", worker=self._worker)
