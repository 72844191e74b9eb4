"""The plan of a crew: its tasks in order, and which of them may run next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from orchestrator.domain.canonical import JsonObject, digest, known_fields

FORMAT = 1


class TaskKind(StrEnum):
    """What a planned task is for. Only a ``TASK`` is one of the crew's, and counts as progress."""

    BEFORE_KICKOFF = "before_kickoff"
    PLANNING = "planning"
    TASK = "task"
    AFTER_KICKOFF = "after_kickoff"


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task as the plan knows it.

    ``name`` is unique within the plan: the task's own, ``task-N`` for one without (N from 1), with
    a suffix for a second of the same name. ``key`` is a digest of what the task is made of (its
    prompts, its agent), so that a change of the user's code shows.
    """

    name: str
    kind: TaskKind = TaskKind.TASK
    agent: str = ""
    description: str = ""
    expected_output: str = ""
    key: str = ""
    human_input: bool = False
    asynchronous: bool = False
    conditional: bool = False


@dataclass(frozen=True)
class Plan:
    """The tasks of a deployment's crew, in the crew's order, and the inputs that it needs."""

    tasks: tuple[PlannedTask, ...]
    inputs: tuple[str, ...] = ()
    inputs_required: bool = True

    @cached_property
    def digest(self) -> str:
        """The digest of everything in the plan, prompts included."""
        return digest(self.to_json())

    @cached_property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """Name and kind of each task: two plans of one shape can take over each other's work."""
        return tuple((task.name, task.kind.value) for task in self.tasks)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the crew's own tasks, in order."""
        return tuple(t.name for t in self.tasks if t.kind is TaskKind.TASK)

    def due(self, started: Collection[int], committed: Collection[int]) -> tuple[int, ...]:
        """Return the indexes of the tasks that may start now.

        A task waits for every earlier one; an asynchronous task does not wait for the asynchronous
        ones directly before it, so these run side by side and are joined by what follows them
        (the order that CrewAI's own sequential process keeps).
        """
        ready = []
        for index, task in enumerate(self.tasks):
            if index in started:
                continue
            if all(self._precedes(earlier, task, committed) for earlier in range(index)):
                ready.append(index)
        return tuple(ready)

    def _precedes(self, earlier: int, task: PlannedTask, committed: Collection[int]) -> bool:
        return earlier in committed or (task.asynchronous and self.tasks[earlier].asynchronous)

    def to_json(self) -> JsonObject:
        """The form in which a plan is stored and digested."""
        return {
            "v": FORMAT,
            "tasks": [asdict(task) for task in self.tasks],
            "inputs": list(self.inputs),
            "inputs_required": self.inputs_required,
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> Plan:
        """Build the plan again from what ``to_json`` gave."""
        tasks = stored["tasks"]
        inputs = stored["inputs"]
        assert isinstance(tasks, list)
        assert isinstance(inputs, list)
        return cls(
            tasks=tuple(_planned(task) for task in tasks),
            inputs=tuple(inputs),
            inputs_required=bool(stored["inputs_required"]),
        )


def _planned(stored: Mapping[str, Any]) -> PlannedTask:
    known = known_fields(PlannedTask, stored)
    return PlannedTask(**{**known, "kind": TaskKind(known["kind"])})


def unique_names(names: Collection[str | None]) -> tuple[str, ...]:
    """Name every task: its own name, ``task-N`` for one without, a suffix for a repeated one."""
    taken: set[str] = set()
    result = []
    for number, own in enumerate(names, start=1):
        name = own or f"task-{number}"
        repeat = 2
        while name in taken:
            name = f"{own or f'task-{number}'}-{repeat}"
            repeat += 1
        taken.add(name)
        result.append(name)
    return tuple(result)
