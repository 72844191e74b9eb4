"""A checkpoint: one line of what is needed to go on. Append-only, and nothing is copied on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

from orchestrator.domain.canonical import JsonObject

FORMAT = 2
"""Format 1 held all that had been committed before, by number of task; a migration converts it."""
FORMAT_OF_CHANGES = 3
"""Of what changes earlier entries: versions that would not heed it leave it to those that do."""
FORMAT_OF_RENAMES = 4
"""Of what renames the steps of earlier entries: newer than the other changes."""
READABLE_FORMATS = range(FORMAT, FORMAT_OF_RENAMES + 1)


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
    REWIND = "rewind"
    """A person took back earlier entries: they are kept, and do not stand any more."""
    MIGRATE = "migrate"
    """The code has other names for the steps of earlier entries, and the execution goes by them."""


def name_of(path: str) -> str:
    """What people call the step at a path: the method or task that stands at its end."""
    return COUNT.sub("", path.rpartition("/")[2].rpartition(":")[2]) or path


def uncounted(path: str, name: str = "") -> str:
    """The path of the method or task whose call the step at a path is: alike for all its calls.

    A task of a crew stands at its own ``name``, and is not counted: what that ends with is its own.
    """
    is_task = path == name and not _IN_METHOD.search(path)
    return path if is_task else COUNT.sub("", path)


def call_of(path: str) -> int:
    """Which call of its method or task the step at a path is; 1 where the path does not count."""
    counted = COUNT.search(path)
    return int(counted[0][1:]) if counted else 1


COUNT = re.compile(r"[#~]\d+$")
_IN_METHOD = re.compile(r"#\d+/")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One entry of an execution's history, by reference: outputs and reviews stand elsewhere.

    ``path`` names the step: a crew's task by its name, a flow's method by ``method#n`` (its n-th
    call), what is inside a method below that (``team#1/task:write``). ``number`` rises by one with
    each checkpoint of an execution. ``name`` is what people call the step, ``seconds`` and
    ``usage`` (token counts) are what a step that was committed, or that a person is asked about,
    cost where it is no task run of its own.
    ``state`` is the runner's own. ``change`` is what a REWIND or a MIGRATE does to earlier entries.
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
    change: JsonObject | None = None

    @property
    def supersedes(self) -> frozenset[int]:
        """The numbers of the entries that a REWIND takes back."""
        numbers = (self.change or {}).get("supersedes")
        return frozenset(numbers) if isinstance(numbers, list) else frozenset()


_CHANGE = attrgetter("change")


def standing(checkpoints: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """What of the entries still stands, in order."""
    checkpoints = tuple(checkpoints)
    if not any(map(_CHANGE, checkpoints)):
        return checkpoints
    left: dict[int, Checkpoint] = {}
    for each in checkpoints:
        for number in each.supersedes:
            left.pop(number, None)
        if each.change is None:
            left[each.number] = each
    return tuple(left.values())


def inside(checkpoints: Iterable[Checkpoint], path: str) -> tuple[Checkpoint, ...]:
    """Those of the steps inside the one at a path."""
    return tuple(each for each in checkpoints if each.path.startswith(f"{path}/"))


def as_of(checkpoints: Iterable[Checkpoint], number: int) -> tuple[Checkpoint, ...]:
    """What stood just after the entry with this number was written."""
    return standing(each for each in checkpoints if each.number <= number)


def moment_of(checkpoints: Sequence[Checkpoint], number: int) -> int:
    """The number of the last entry that belongs to the same moment.

    An approval and the commit that it is are one: nothing can go on from between them.
    """
    by_number = {each.number: each for each in checkpoints}
    this, following = by_number.get(number), by_number.get(number + 1)
    is_one = this and following and this.cause is Cause.ANSWER and following.cause is Cause.COMMIT
    return number + 1 if is_one and this and following and this.path == following.path else number
