"""Where memories are kept: CrewAI's own LanceDB, opened when somebody remembers something.

CrewAI makes a memory for every flow that it builds, and opens its files with it, which costs as
much as the rest of a small flow together. Most flows never ask it anything.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Self

from crewai.memory.storage.backend import StorageBackend
from crewai.memory.storage.factory import set_memory_storage_factory

from orchestrator.adapters.runners.crewai.environment import STORAGE


def open_memories_when_used() -> None:
    """Have CrewAI's default storage opened by its first use. Code of users may set another."""
    set_memory_storage_factory(_storage)


def _storage(spec: str) -> Any:
    folder = os.environ.get(STORAGE)
    return UnopenedStorage(Path(folder) / "memory") if spec == "lancedb" and folder else None


class UnopenedStorage:
    """A LanceDB in a folder, which is the one of the deployment that its memory was built for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opening = threading.Lock()
        self._opened: StorageBackend | None = None

    def __getattr__(self, name: str) -> Any:
        """What the opened one has. Names of Python's own protocols open nothing."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._open(), name)

    def __deepcopy__(self, _memo: object) -> Self:
        """Copies of a memory keep to the same files."""
        return self

    def close(self) -> None:
        """Close it if it was opened."""
        if self._opened is not None and hasattr(self._opened, "close"):
            self._opened.close()

    def _open(self) -> StorageBackend:
        with self._opening:
            if self._opened is None:
                from crewai.memory.storage.lancedb_storage import LanceDBStorage  # noqa: PLC0415

                self._opened = LanceDBStorage(self._folder)
            return self._opened
