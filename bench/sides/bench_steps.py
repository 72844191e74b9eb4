"""Crews of plain functions that the benches run: what they do costs nothing."""

from __future__ import annotations

from orchestrator import FunctionCrew, task


@task(human_input=True)
def write() -> str:
    """What a person is asked about."""
    return "draft"


def publish() -> str:
    """What follows from the approval."""
    return "published"


reviewed = FunctionCrew([write, publish])
