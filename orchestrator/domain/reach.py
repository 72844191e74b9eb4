"""How far a person's words reach: which tasks read them, and by how much their contexts grow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from orchestrator.domain.checkpoint import name_of
from orchestrator.domain.history import Answered
from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.work import own_round, words_on_other

CHARACTERS_A_TOKEN = 4
"""Of English, as models cut it up: near enough to see a context grow."""

_SEPARATOR = 14
"""Characters between two parts of a context, as CrewAI joins them."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A task that reads words of a person, and by how many characters its context grows."""

    name: str
    characters: int
    is_retry: bool = False

    @property
    def tokens(self) -> int:
        """About how many tokens that are."""
        return -(-self.characters // CHARACTERS_A_TOKEN)


@dataclass(frozen=True, slots=True)
class Reach:
    """The tasks that words on one task's output may reach.

    ``name`` is the judged task's; ``others`` are those that may run after it, in order. In a flow
    of CrewAI's these are known to its own code alone: then ``others`` is None.
    """

    name: str
    others: tuple[str, ...] | None

    @property
    def names(self) -> tuple[str, ...]:
        """All that a scope may name: the judged task is told in any case."""
        return () if self.others is None else (self.name, *self.others)

    def readers(self, answer: Answered, *, retried: bool) -> tuple[Reader, ...]:
        """Who reads the words of an answer, where the task runs again or does not."""
        own = [Reader(self.name, len(own_round(answer)) + _SEPARATOR, is_retry=True)]
        added = len(words_on_other(answer)) + _SEPARATOR
        others = [Reader(name, added) for name in self.others or () if answer.is_for(name)]
        return (*(own if retried else ()), *others)


def reach(plan: Plan, committed: Collection[str], path: str, back_to: str | None = None) -> Reach:
    """The tasks that words on the output of the one at this path may reach.

    ``committed`` are the paths of those whose output is final; from the one named ``back_to`` on
    they run again.
    """
    name = name_of(path)
    if not plan.is_flow:
        again = plan.followers(back_to) if back_to is not None else ()
        own = path if back_to is None else back_to
        others = (
            task.name
            for task in plan.tasks
            if task.kind is TaskKind.TASK
            and task.name != own
            and (task.name not in committed or task.name in again)
        )
        return Reach(own, tuple(others))
    if name in plan.names and "/" not in path:
        return Reach(name, tuple(each for each in plan.names if each != name))
    return Reach(name, None)
