"""The part of the port that flows need, until it stands in ``orchestrator.ports``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.history import Entry
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.question import Question
from orchestrator.ports import Step

NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Work:
    """What a claimed run has to do, and what came before it.

    ``path`` is the unit of the plan that is due (a flow has one), ``round`` how many times it was
    begun, ``history`` what was committed, in that order.
    """

    execution_id: str
    deployment: str
    plan: Plan
    path: str
    round: int
    inputs: JsonObject
    history: tuple[Entry, ...]


class RunContext(Protocol):
    """What a runner may do while it runs; each write is a transaction fenced by the claim.

    Every method raises ClaimLost when the run was stopped or its claim was lost. Safe to call from
    any thread.
    """

    def check(self) -> None:
        """Raise ClaimLost when the work is in vain."""
        ...

    def step(self, step: Step) -> None:
        """Tell of one thought or tool call of an agent."""
        ...

    def event(self, kind: str, data: JsonObject) -> None:
        """Tell of one event of the runner's own bus."""
        ...

    def begin(self, path: str) -> None:
        """Say that a step begins: its time limit starts anew."""
        ...

    def commit(
        self,
        path: str,
        output: Output,
        state: JsonObject | None = None,
        usage: Mapping[str, int] = NOTHING,
        seconds: float | None = None,
    ) -> None:
        """Commit a step whose output is final."""
        ...

    def ask(self, question: Question, output: Output, state: JsonObject | None = None) -> str:
        """Have a person asked; returns the id of the review."""
        ...

    def cut(self, path: str) -> None:
        """Withdraw the open review of that path."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """The unit is done. With a question, a person judges the output first."""

    output: Output
    usage: Mapping[str, int]
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Halted:
    """Nothing is left to do until a person answers what was asked through the context."""

    usage: Mapping[str, int]
