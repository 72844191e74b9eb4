"""The jobs: ids in, one use case, done."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, NoReturn
from uuid import UUID

import structlog
from celery import Celery, Task
from celery.exceptions import Ignore, Reject
from kombu.exceptions import KombuError

from orchestrator import jobs
from orchestrator.adapters.telemetry import tracing
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import NotFound, Transient
from orchestrator.usecases.access.sign_in_links import send_link
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.intake.take_mail import take_mail
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.operations.refuse_job import Refusal, refuse_job
from orchestrator.usecases.outage import log_failure
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

LEFT = "the sweep publishes it again; the worker's log says why"
"""The same of a job that could not be done just now."""


class Ids(Task):  # type: ignore[misc]  # Celery has no types
    """A job whose arguments are its format and ids by name; another one is refused.

    The sweep publishes the row of a job again that is of another format, or could not be done now.
    """

    ids: tuple[str, ...] = ()

    def __call__(self, /, *positional: Any, **arguments: Any) -> Any:
        """Run it, where its arguments are what they should be."""
        version = arguments.pop("v", None)
        if version != jobs.FORMAT:
            _refuse(self, Refusal.FORMAT, found=ascii(version)[:50])
        if (
            positional
            or arguments.keys() != set(self.ids)
            or not all(map(_is_id, arguments.values()))
        ):
            _refuse(self, Refusal.ARGUMENTS, names=ascii(sorted(arguments))[:200])
        try:
            return self.run(**arguments)
        except NotFound as error:
            _refuse(self, Refusal.UNKNOWN_ID, reason=error.message)
        except Transient as error:
            log.warning(
                "job is left to the sweep", job=self.name, reason=error.message, **arguments
            )
            _tell_monitors(self, "task-retried", LEFT)
            raise Ignore(error.message) from error


def _is_id(given: object) -> bool:
    try:
        return isinstance(given, str) and bool(UUID(given))
    except ValueError:
        return False


def _refuse(job: Task, why: Refusal, **about: object) -> NoReturn:
    refuse_job(current.get().ports, why, job=job.name, job_id=job.request.id, **about)
    raise Ignore(why.value)


def run(self: Task, execution_id: str, task_run_id: str) -> None:
    """Run one task run, as the next job of a chain or as the one that resumes it."""
    process = current.get()
    carried = self.request.get("trace") or {}
    with (
        structlog.contextvars.bound_contextvars(execution_id=execution_id),
        tracing().job(self.name, carried, execution_id),
    ):
        outcome = run_task(process.ports, process.worker, execution_id, task_run_id)
    if outcome in EVENTS:
        _tell_monitors(self, EVENTS[outcome], REASON)
        raise Ignore(outcome)  # or Celery would tell them of a success


def _tell_monitors(job: Task, event: str, reason: str) -> None:
    """Nobody's work depends on a monitor."""
    with suppress(KombuError, OSError):
        job.send_event(event, exception=reason)


def drain_endpoint(endpoint_id: str) -> None:
    """Send what is due at one endpoint."""
    process = current.get()
    drain(process.ports, endpoint_id, process.identity.name)


def read_mail(mail_id: str) -> None:
    """Read a mail that was stored, and do what it says."""
    take_mail(current.get().ports, mail_id)


def mail_link(link_id: str) -> None:
    """Mail a link for signing in."""
    send_link(current.get().ports, link_id)


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
        log_failure(log, "message goes back to the broker", error, message_id=self.request.id)
        time.sleep(PAUSE_BEFORE_RETURN)
        raise Reject(str(error), requeue=True) from error


def register(app: Celery) -> None:
    """Register every job under its public name."""
    for name in (jobs.RUN_TASK, jobs.RESUME):
        app.task(name=name, bind=True, base=Ids, ids=("execution_id", "task_run_id"))(run)
    app.task(name=jobs.DRAIN, base=Ids, ids=("endpoint_id",))(drain_endpoint)
    app.task(name=jobs.TAKE_MAIL, base=Ids, ids=("mail_id",))(read_mail)
    app.task(name=jobs.SEND_LINK, base=Ids, ids=("link_id",))(mail_link)
    for name in jobs.PUBLIC:
        options = {"bind": True, "acks_late": True, "reject_on_worker_lost": True}
        app.task(name=name, base=AnyArguments, **options)(take_in)
