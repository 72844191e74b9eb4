"""Celery: the application that producers and workers share, and its way to the broker."""

from orchestrator.adapters.celery.application import (
    BROKER_PATIENCE,
    CeleryJobs,
    dropping_policy,
    make_celery,
    queue_lengths,
    write_something,
)

__all__ = [
    "BROKER_PATIENCE",
    "CeleryJobs",
    "dropping_policy",
    "make_celery",
    "queue_lengths",
    "write_something",
]
