"""What a crew of ``user_crews`` tells of its runs, and how a test lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Work:
    """The folder of one execution."""

    folder: Path

    def inputs(self, **more: Any) -> dict[str, Any]:
        """The inputs that lead a crew here."""
        return {"folder": str(self.folder), **more}

    def go(self, attempt: int | None = None) -> None:
        """Let the task that is held go on; with a number, its attempt of that number only."""
        (self.folder / ("go" if attempt is None else f"go.{attempt}")).touch()

    @property
    def runs(self) -> list[str]:
        """The names of the tasks that ran, in order, once for each run."""
        return [name for name, _ in self._lines()]

    def pids(self, task: str) -> list[int]:
        """The processes in which a task ran, in order."""
        return [int(pid) for name, pid in self._lines() if name == task]

    def _lines(self) -> list[list[str]]:
        runs = self.folder / "runs"
        return [line.split() for line in runs.read_text().splitlines()] if runs.exists() else []
