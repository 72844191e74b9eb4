"""A chain as rehydrated from its checkpoint: everything that one task needs in order to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person said in one round of a review, and of which output."""

    task_index: int
    task_name: str
    round: int
    approved: bool
    words: str
    output: Output | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """One task that is due, and what came before it.

    ``outputs`` are the committed ones by task index, ``remarks`` all that people said so far, in
    the order in which they said it.
    """

    execution_id: str
    deployment: str
    plan: Plan
    task_index: int
    round: int
    inputs: JsonObject
    outputs: Mapping[int, Output]
    remarks: tuple[Remark, ...] = ()

    @property
    def task(self) -> PlannedTask:
        """The task that is due."""
        return self.plan.tasks[self.task_index]

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this task in this round, and for no other."""
        return f"{self.execution_id}:{self.task.name}:{self.round}"

    @property
    def previous_rounds(self) -> tuple[Remark, ...]:
        """What was said of this task's own earlier answers."""
        return tuple(r for r in self.remarks if r.task_index == self.task_index)

    def added_context(self) -> tuple[str, ...]:
        """The paragraphs that people's words add to the task's context.

        The words of every round of every other reviewed task, then this task's own earlier answers
        with what was said of each. Approvals without words add nothing.
        """
        others = [
            _remark_on_other(remark)
            for remark in self.remarks
            if remark.task_index != self.task_index and remark.words.strip()
        ]
        return (*others, *(_own_round(remark) for remark in self.previous_rounds))


def _remark_on_other(remark: Remark) -> str:
    verdict = "approved" if remark.approved else "changes requested"
    return (
        f"Human feedback on the task '{remark.task_name}' "
        f"(round {remark.round}, {verdict}):\n{remark.words}"
    )


def _own_round(remark: Remark) -> str:
    answer = remark.output.raw if remark.output else ""
    return (
        f"Your previous answer (round {remark.round}):\n{answer}\n\n"
        f"Human feedback on it (changes requested):\n{remark.words}\n\n"
        "Answer again, and take this feedback into account."
    )
