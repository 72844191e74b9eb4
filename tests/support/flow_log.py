"""What bodies of methods and scripted models of a test did, in order."""

from __future__ import annotations

LOG: list[str] = []


def ran(name: str) -> None:
    """A body ran."""
    LOG.append(name)
