"""Crews of plain functions for real workers: their last one has the end of its job told.

The end is that of the job, after its commit and what it published, not that of the function.
"""

from __future__ import annotations

from typing import Any

import ends
from celery import signals

from orchestrator import FunctionCrew, task
from orchestrator.jobs import RESUME, RUN_TASK

STEPS = 5

_is_last = False


@signals.task_postrun.connect(weak=False)
def _after_job(task: Any = None, **_: Any) -> None:
    global _is_last  # noqa: PLW0603 - one job at a time in a process
    if _is_last and task.name in (RUN_TASK, RESUME):
        _is_last = False
        ends.one_ended()


def step() -> str:
    """Do nothing."""
    return "1"


def last() -> str:
    """Do nothing, and have the end of this job told."""
    global _is_last  # noqa: PLW0603
    _is_last = True
    return "1"


@task(human_input=True)
def write() -> str:
    """What a person is asked about; the halt is told."""
    return last()


def timed() -> str:
    """Say when it began."""
    ends.started()
    return last()


def begun() -> str:
    """Say when it began, and have its end count for nobody."""
    ends.started()
    return "1"


chain = FunctionCrew([*[step] * (STEPS - 1), last])
reviewed = FunctionCrew([write, last])
answered = FunctionCrew([write, timed])
prompt = FunctionCrew([timed])
unheard = FunctionCrew([begun])
