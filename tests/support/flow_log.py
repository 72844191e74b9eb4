"""What bodies of methods and scripted models of a test did, in order."""

from __future__ import annotations

from typing import Any

LOG: list[str] = []
SUMMARIES: list[Any] = []
"""What flows of a test said of themselves at their end."""


def ran(name: str) -> None:
    """A body ran."""
    LOG.append(name)
