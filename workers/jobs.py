"""The jobs: ids in, one use case, done."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from kombu.exceptions import KombuError

from orchestrator import jobs
from orchestrator.adapters.telemetry import tracing
from orchestrator.domain.task_run import TaskRunState
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.operations.intake import Message, take
from orchestrator.usecases.webhooks.deliver import drain
from workers.process import current

log = structlog.get_logger()

PAUSE_BEFORE_RETURN = 1.0
"""Seconds before a message goes back to the broker because the database is away."""

EVENTS = {
    TaskRunState.UNDER_REVIEW: "task-awaiting-input",
    TaskRunState.HALTED: "task-awaiting-input",
    TaskRunState.DUE: "task-retried",
    TaskRunState.FAILED: "task-failed",
}
"""What monitors are told of a job that ended with something else than a final output."""

REASON = "the execution's timeline says why"
"""What monitors are told instead of the error itself, which may quote a model or a secret."""


def run(self: Task, v: int, execution_id: str, task_run_id: str) -> None:
    """Run one task run, as the next job of a chain or as the one that resumes it."""
    _require_format(v)
    process = current.get()
    carried = self.request.get("trace") or {}
    with (
        structlog.contextvars.bound_contextvars(execution_id=execution_id),
        tracing().job(self.name, carried, execution_id),
    ):
        outcome = run_task(process.ports, process.worker, execution_id, task_run_id)
    if outcome in EVENTS:
        with suppress(KombuError, OSError):  # nobody's work depends on a monitor
            self.send_event(EVENTS[outcome], exception=REASON)
        raise Ignore(outcome)  # or Celery would tell them of a success


def drain_endpoint(v: int, endpoint_id: str) -> None:
    """Send what is due at one endpoint."""
    _require_format(v)
    process = current.get()
    drain(process.ports, endpoint_id, process.identity.name)


class AnyArguments(Task):  # type: ignore[misc]  # Celery has no types
    """A job that may be sent with an argument of any name, ``self`` among them."""

    def __call__(self, /, *positional: Any, **arguments: Any) -> Any:
        """Run it; Celery's own way takes no argument that is named ``self``."""
        return self.run(*positional, **arguments)


def take_in(self: Task, /, *positional: Any, **arguments: Any) -> None:
    """Take in a producer's message, whatever its arguments: its id is the idempotency key.

    It goes back to the broker only while the database does not take what became of it.
    """
    message = Message(self.request.id, self.name, arguments, positional)
    try:
        take(current.get().ports, message)
    except Exception as error:
        log.exception("message goes back to the broker", message_id=self.request.id)
        time.sleep(PAUSE_BEFORE_RETURN)
        raise Reject(str(error), requeue=True) from error


def _require_format(version: int) -> None:
    """A job of another format is dropped: the sweep publishes its row again, for all workers."""
    if version != jobs.FORMAT:
        raise Ignore(f"job has format {version}, this worker reads {jobs.FORMAT}")


def register(app: Celery) -> None:
    """Register every job under its public name."""
    app.task(name=jobs.RUN_TASK, bind=True)(run)
    app.task(name=jobs.RESUME, bind=True)(run)
    app.task(name=jobs.DRAIN)(drain_endpoint)
    for name in jobs.PUBLIC:
        options = {"bind": True, "acks_late": True, "reject_on_worker_lost": True}
        app.task(name=name, base=AnyArguments, **options)(take_in)
