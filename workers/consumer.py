"""What takes messages from the broker: those that are no jobs are logged, counted and dropped.

Celery's own would write their bodies to the log, secrets and all.
"""

# ruff: noqa: ARG002 - Celery calls them so
from __future__ import annotations

from typing import Any

import structlog
from celery.worker import consumer

from orchestrator.usecases.operations.refuse_job import Refusal, refuse_job
from workers.lifecycle import parents_ports

log = structlog.get_logger()


class Consumer(consumer.Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's, named in the setting ``worker_consumer``."""

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


def _drop(consumer: Consumer, message: Any, why: Refusal, error: Exception) -> None:
    headers = message.headers if isinstance(message.headers, dict) else {}
    about = {"job": str(headers.get("task"))[:200], "job_id": str(headers.get("id"))[:200]}
    try:
        with parents_ports() as ports:
            refuse_job(ports, why, kind=type(error).__name__, **about)
    finally:
        message.ack_log_error(log, consumer.connection_errors)
