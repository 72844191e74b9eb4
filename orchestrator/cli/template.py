"""What the processes of ``up`` share: imported once, by the process that they are forked from."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.adapters.supervisor import Template

SHARED = (
    "orchestrator.cli.processes",
    "workers.consumer",
    "workers.jobs",
    "workers.lifecycle",
    "celery.app.control",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.worker.autoscale",
    "celery.worker.strategy",
)
"""Nothing here may import users' code, open anything or start a thread."""


def template_of_services() -> Template:
    """What forks them."""
    return Template(SHARED, environment_of_imports())


def environment_of_imports() -> dict[str, str]:
    """What is read of the environment while modules are imported, and where they are found."""
    paths = filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")])
    return {
        "REMAP_SIGTERM": "SIGQUIT",  # a worker told to stop gives its jobs their grace, no more
        "PYTHONPATH": os.pathsep.join(paths),
    }
