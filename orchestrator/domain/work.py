"""What a claimed run has to do, and what came before it: the chain as rehydrated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.feedback import RETRY
from orchestrator.domain.history import Answered, Committed, Entry
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.domain.renaming import Renames


@dataclass(frozen=True)
class Work:
    """One task that is due, in one round, and the history of its execution up to now.

    ``path`` names the task within the plan. ``history`` is in the order in which it was committed,
    by the names of now; ``migrations`` are what was renamed since the execution began. What is
    found in the history is looked for once: it may be long.
    """

    execution_id: str
    deployment: str
    plan: Plan
    path: str
    round: int
    inputs: JsonObject
    history: tuple[Entry, ...] = ()
    migrations: tuple[Renames, ...] = ()

    @property
    def task(self) -> PlannedTask:
        """The task that is due."""
        return self.plan.task(self.path)

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this task in this round, and for no other."""
        return self.key_of(self.path, self.round)

    def key_of(self, path: str, round_: int) -> str:
        """The same for every attempt of the step at a path in a round.

        It has the name with which the execution began: to rename a task between two attempts is no
        reason to have it do twice what its key has it do once.
        """
        for renames in reversed(self.migrations):
            path = renames.back.path(path)
        return f"{self.execution_id}:{path}:{round_}"

    @cached_property
    def outputs(self) -> Mapping[str, Output]:
        """The final outputs so far, by path."""
        return {entry.path: entry.output for entry in self.history if isinstance(entry, Committed)}

    @cached_property
    def answers(self) -> tuple[Answered, ...]:
        """All that people decided so far, in the order in which they did."""
        return tuple(entry for entry in self.history if isinstance(entry, Answered))

    @property
    def previous_rounds(self) -> tuple[Answered, ...]:
        """What was said of this task's own earlier outputs."""
        return tuple(answer for answer in self.answers if answer.path == self.path)

    @cached_property
    def read(self) -> tuple[Answered, ...]:
        """The answers whose words the task reads: of other tasks, then of its own outputs."""
        others = (each for each in self.answers if each.path != self.path)
        for_this = (each for each in others if each.is_for(self.path))
        return (*for_this, *still_told(self.previous_rounds))

    @property
    def reads_first(self) -> tuple[Answered, ...]:
        """The answers whose words no run was given before this one. A flow is given all."""
        if self.task.kind is TaskKind.FLOW:
            found = self.answers
        else:
            found = self.read if self.task.kind is TaskKind.TASK else ()
        return tuple(each for each in found if each.words.strip() and not each.was_read)

    def added_context(self) -> tuple[str, ...]:
        """The paragraphs that people's words add to the task's context.

        The words of every round of every other reviewed task that are for this one, then this
        task's own earlier outputs with what was said of each. Approvals without words add nothing.
        """
        return tuple(
            own_round(each) if each.path == self.path else words_on_other(each)
            for each in self.read
        )


def still_told(rounds: Iterable[Answered]) -> tuple[Answered, ...]:
    """Of what was said of a task's own outputs, what its next round is told.

    What was meant for one retry alone is told to that one, and to none after it.
    """
    every = tuple(rounds)
    return tuple(each for each in every if each.scope != RETRY or each is every[-1])


def words_on_other(answer: Answered) -> str:
    """What a person said of another task, as a paragraph of context."""
    if not answer.name:
        return f"Human feedback:\n{answer.words}"
    verdict = {True: ", approved", False: ", changes requested", None: ""}[answer.approved]
    return (
        f"Human feedback on the task '{answer.name}' "
        f"(round {answer.round}{verdict}):\n{answer.words}"
    )


def own_round(answer: Answered) -> str:
    """A task's own earlier output with what was said of it, as a paragraph of its next context."""
    text = answer.output.raw if answer.output else ""
    before = f"Your previous answer (round {answer.round}):\n{text}\n\n"
    if not answer.words.strip():
        return f"{before}Changes of it were requested.\n\nAnswer again."
    return (
        f"{before}Human feedback on it (changes requested):\n{answer.words}\n\n"
        "Answer again, and take this feedback into account."
    )
