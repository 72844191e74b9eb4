"""What CrewAI is told through the environment before it is imported.

CrewAI takes ``REDIS_URL`` for its own locks where a package ``redis`` is installed, and fails when
that server is away: workers should not have it in their environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUIET = {
    # Otherwise a kickoff without network takes 10 s, and the import takes over SIGTERM and others.
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    # Otherwise it asks on the terminal whether to trace.
    "CREWAI_TESTING": "true",
}
STORAGE = "CREWAI_STORAGE_DIR"


def prepare_environment(storage: Path | None) -> None:
    """Keep CrewAI quiet, and its files in ``storage``. What the operator has set stays as it is."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if storage is not None:
        os.environ.setdefault(STORAGE, str(storage.absolute()))


@contextmanager
def storage_of(deployment: str) -> Iterator[None]:
    """Have the memory of crews that are built meanwhile be in the deployment's own folder."""
    shared = os.environ.get(STORAGE)
    if shared is None:
        yield
        return
    os.environ[STORAGE] = str(Path(shared) / deployment)
    try:
        yield
    finally:
        os.environ[STORAGE] = shared
