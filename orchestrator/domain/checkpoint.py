"""A checkpoint: one line of what is needed to go on. Append-only, and nothing is copied on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.canonical import JsonObject

FORMAT = 2
"""Format 1 held all that had been committed before, by number of task; a migration converts it."""


class Cause(StrEnum):
    """What happened at a checkpoint."""

    COMMIT = "commit"
    """A step's output became final."""
    ASK = "ask"
    """A person was asked."""
    ANSWER = "answer"
    """A person decided."""
    CUT = "cut"
    """A step that a person was asked about lost a race inside the user's code."""


def name_of(path: str) -> str:
    """What people call the step at a path: the method or task that stands at its end."""
    return _COUNT.sub("", path.rpartition("/")[2].rpartition(":")[2]) or path


def call_of(path: str) -> int:
    """Which call of its method or task the step at a path is; 1 where the path does not count."""
    counted = _COUNT.search(path)
    return int(counted[0][1:]) if counted else 1


_COUNT = re.compile(r"[#~]\d+$")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One entry of an execution's history, by reference: outputs and reviews stand elsewhere.

    ``path`` names the step: a crew's task by its name, a flow's method by ``method#n`` (its n-th
    call), what is inside a method below that (``team#1/task:write``). ``number`` rises by one with
    each checkpoint of an execution. ``name`` is what people call the step, ``seconds`` and
    ``usage`` (token counts) are what a committed step cost where it is no task run of its own.
    ``state`` is the runner's own.
    """

    id: str
    execution_id: str
    number: int
    plan_digest: str
    cause: Cause
    path: str
    created_at: datetime
    name: str = ""
    output_id: str | None = None
    review_id: str | None = None
    state: JsonObject | None = None
    seconds: float | None = None
    usage: JsonObject = field(default_factory=dict)
    format: int = FORMAT
