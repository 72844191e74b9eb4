"""What takes messages from the broker: those that are no jobs are logged, counted and dropped.

Celery's own would write their bodies to the log, secrets and all; and one whose body has not the
form of a job ends its whole worker, with the message back in the broker for the next one. Nor does
anything wake it for what its threads ask of it.
"""

# ruff: noqa: ARG002 - Celery calls them so
from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from billiard import active_children
from billiard.common import REMAP_SIGTERM
from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.concurrency.thread import TaskPool as ThreadPool
from celery.worker import consumer
from kombu.exceptions import ContentDisallowed, DecodeError

from orchestrator.usecases.operations.refuse_job import Refusal, refuse_job
from workers.lifecycle import leave_soon, parents_ports
from workers.waker import Waker

_BAD_FORM = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What Celery raises of a message's headers that are not as it writes them."""

PAUSE = 2.0
"""Seconds until a broker that answers, but with an error, is asked again."""

logger = logging.getLogger(__name__)


class Consumer(consumer.Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's, named in the setting ``worker_consumer``."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._waker = Waker()
        super().__init__(*given, **options)
        if isinstance(self.pool, ThreadPool):
            self.pool.on_apply = self._waker.woken_by_ends(self.pool.on_apply)

    def register_with_event_loop(self, hub: Any) -> None:
        """Celery's, at each connection, for a loop that can be woken."""
        super().register_with_event_loop(hub)
        self._waker.register(hub)

    def call_soon(self, *given: Any, **options: Any) -> Any:
        """Celery's, at once."""
        promised = super().call_soon(*given, **options)
        self._waker.wake()
        return promised

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Celery's, which is back in no time where the broker can be reached."""
        super().on_connection_error_after_connected(exc)
        if isinstance(exc, self.channel_errors):
            time.sleep(PAUSE)

    def cancel_active_requests(self) -> None:
        """Celery's, as the worker ends; and the end of children that have not begun.

        It would wait for them to take their first job, and they may wait for the database. Of
        SIGTERM, where it is remapped, those that have begun take no notice.

        Threads cannot be ended, and Celery fails where it tries: those that still send leave with
        their process.
        """
        if isinstance(self.pool, ThreadPool):
            self.pool.on_stop = partial(self.pool.executor.shutdown, wait=False)
            leave_soon()
            return
        super().cancel_active_requests()
        if isinstance(self.pool, PreforkPool) and REMAP_SIGTERM:
            self.pool.close()  # or others would begin in their place
            for child in active_children():
                os.kill(child.pid, signal.SIGTERM)

    def create_task_handler(self, *given: Any, **options: Any) -> Callable[[Any], None]:
        """Celery's, for messages that have the form of a job."""
        handle = super().create_task_handler(*given, **options)

        def take(message: Any) -> None:
            try:
                _require_form(message)
                handle(message)
            except (DecodeError, ContentDisallowed, *_BAD_FORM) as error:
                _drop(self, message, Refusal.UNREADABLE, error)

        return take

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """It is no JSON, or says that it is something else."""
        _drop(self, message, Refusal.UNREADABLE, exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """It is JSON, and no job."""
        _drop(self, message, Refusal.UNREADABLE, TypeError(f"a message of {type(body).__name__}"))

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """It names a job, and has no arguments that are any."""
        _drop(self, message, Refusal.UNREADABLE, exc)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """It names a job that this version does not have."""
        _drop(self, message, Refusal.UNKNOWN_JOB, exc)


def _require_form(message: Any) -> None:
    """Raise what is wrong with a job in the form that Celery has since version 4."""
    if "task" not in (message.headers or ()):
        return  # an earlier form, or no job: Celery tells them apart
    positional, arguments, _embedded = message.payload
    if not isinstance(positional, list) or not isinstance(arguments, dict):
        raise TypeError("the arguments are none")


def _drop(consumer: Consumer, message: Any, why: Refusal, error: Exception) -> None:
    headers = message.headers if isinstance(message.headers, dict) else {}
    about = {"job": str(headers.get("task"))[:200], "job_id": str(headers.get("id"))[:200]}
    try:
        with parents_ports() as ports:
            refuse_job(ports, why, kind=type(error).__name__, **about)
    finally:
        if not message.acknowledged:
            message.ack_log_error(logger, consumer.connection_errors)
