"""What a state machine is here: one table, which code asks and the docs draw."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from orchestrator.errors import IllegalTransition

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """An edge of a machine: its name is the verb that the timeline shows."""

    name: str
    sources: tuple[S, ...]
    target: S
    reason: str


@dataclass(frozen=True, slots=True)
class Machine(Generic[S]):
    """All the transitions of one noun. What the table does not have does not happen."""

    noun: str
    initial: S
    transitions: tuple[Transition[S], ...]

    def follow(self, name: str, state: S) -> S:
        """Return the state that transition ``name`` leads to from ``state``.

        Raises IllegalTransition where the table has no such edge.
        """
        for transition in self.transitions:
            if transition.name == name and state in transition.sources:
                return transition.target
        raise IllegalTransition(f"{self.noun} in state {state} cannot {name}")

    def allows(self, name: str, state: S) -> bool:
        """Say whether ``follow`` would succeed."""
        return any(t.name == name and state in t.sources for t in self.transitions)

    @property
    def final_states(self) -> frozenset[S]:
        """The states that no transition leaves."""
        left = {source for t in self.transitions for source in t.sources}
        return frozenset(t.target for t in self.transitions) - left

    def mermaid(self) -> str:
        """Draw the table as a Mermaid state diagram, as the docs show it."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [
            f"    {source} --> {t.target}: {t.name}"
            for t in self.transitions
            for source in t.sources
        ]
        lines += [f"    {state} --> [*]" for state in sorted(self.final_states)]
        return "\n".join(lines)
