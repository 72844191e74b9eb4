"""The Celery application that workers run: ``celery -A workers.app worker -Q crews``."""

from __future__ import annotations

from orchestrator.adapters.celery import make_celery
from orchestrator.settings import Settings
from workers import jobs, lifecycle

settings = Settings()
app = make_celery(settings.resolved_broker_url, shutdown_grace=settings.shutdown_grace)
app.conf.update(
    worker_max_tasks_per_child=settings.max_jobs_per_child,
    worker_max_memory_per_child=settings.max_child_memory * 1024,
)
jobs.register(app)
lifecycle.connect(settings)
