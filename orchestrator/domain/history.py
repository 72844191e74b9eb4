"""The history of an execution: what was committed, asked and answered, in that order.

It is read from the checkpoints. A runner that goes on gets it whole, and never runs again what it
has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.feedback import Scope
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question


class Committed(NamedTuple):
    """A step whose output is final. ``state`` is the runner's own state after it, if it has one.

    A tuple, since each claim makes one for each step before it: half the time of a data class.
    """

    path: str
    output: Output
    state: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A person was asked about an output; whether and what they answered stands further on."""

    path: str
    review_id: str
    question: Question
    output: Output
    state: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A person decided about the output of a step.

    ``approved`` is the verdict of a JUDGE question, ``outcome`` the option of a CHOICE. ``name``
    and ``round`` are the review's. ``output`` is what the person judged, ``edited`` the same as the
    person rewrote it; None where a runner that goes on does not need it. ``scope`` says which tasks
    read the words, ``was_read`` whether any run was given them before.
    """

    path: str
    review_id: str
    words: str
    approved: bool | None = None
    outcome: str | None = None
    edited: Output | None = None
    name: str = ""
    round: int = 1
    output: Output | None = None
    scope: Scope = None
    was_read: bool = False

    def is_for(self, name: str) -> bool:
        """Whether another task than the judged one, of that name, reads the words."""
        return bool(self.words.strip()) and (self.scope is None or name in self.scope)


@dataclass(frozen=True, slots=True)
class Cut:
    """A step that was asked about lost a race inside the user's code: nobody waits for it."""

    path: str


Entry: TypeAlias = Committed | Asked | Answered | Cut
