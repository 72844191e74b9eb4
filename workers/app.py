"""The Celery application that workers run: ``celery -A workers.app worker -Q crews``.

Of the queues that deployments name a worker may consume those in its own deployment file.
"""

from __future__ import annotations

from orchestrator.adapters.celery import make_celery
from orchestrator.adapters.deployment_file import load_deployments
from orchestrator.settings import Settings
from workers import jobs, lifecycle

settings = Settings()
queues = load_deployments(settings.deployments).queues()
app = make_celery(settings.resolved_broker_url, queues, shutdown_grace=settings.shutdown_grace)
app.conf.update(
    worker_consumer="workers.consumer:Consumer",
    worker_max_tasks_per_child=settings.max_jobs_per_child,
    worker_max_memory_per_child=settings.max_child_memory * 1024,
)
jobs.register(app)
lifecycle.connect(settings)
