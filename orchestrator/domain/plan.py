"""The plan of a crew: its tasks in order, and which of them may run next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from orchestrator.domain.canonical import Json, JsonObject, digest, known_fields

FORMAT = 1


class TaskKind(StrEnum):
    """What a planned task is. Only a ``TASK`` is one of the crew's, and counts as progress."""

    BEFORE_KICKOFF = "before_kickoff"
    PLANNING = "planning"
    TASK = "task"
    AFTER_KICKOFF = "after_kickoff"
    FLOW = "flow"
    """Commits its own steps while it runs, and may halt in its middle: the only one of its plan."""


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task as the plan knows it.

    ``name`` is unique within the plan: the task's own, ``task-N`` for one without (N from 1), with
    a suffix for a second of the same name. ``key`` is a digest of what the task is made of (its
    prompts, its agent), so that a change of the user's code shows. ``context`` names the earlier
    tasks whose outputs it sees, None for all of them.
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
    context: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step that a flow may commit, as its code declares it.

    ``after`` says in words what it waits for, ``options`` are the outcomes that a person or the
    step itself chooses from. ``asks`` says that a person is asked about its output.
    """

    name: str
    after: str = ""
    asks: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a deployment's code lays down: its tasks in order, and the inputs that it needs.

    The one task of a flow commits ``steps`` of its own. ``schema`` is the JSON Schema of the
    inputs, where the code has one.
    """

    tasks: tuple[PlannedTask, ...]
    inputs: tuple[str, ...] = ()
    inputs_required: bool = True
    steps: tuple[PlannedStep, ...] = ()
    schema: JsonObject | None = None

    @cached_property
    def digest(self) -> str:
        """The digest of everything in the plan, prompts included.

        Not of what tasks see: plans from before that was known keep their digests.
        """
        bare = tuple(replace(task, context=None) for task in self.tasks)
        return digest(replace(self, tasks=bare).to_json())

    @cached_property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """Name and kind of each task and step: plans of one shape take over each other's work."""
        tasks = ((task.name, task.kind.value) for task in self.tasks)
        return (*tasks, *((step.name, "step") for step in self.steps))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the crew's own tasks, in order; of a flow those of its steps."""
        if self.is_flow:
            return tuple(step.name for step in self.steps)
        return tuple(t.name for t in self.tasks if t.kind is TaskKind.TASK)

    @cached_property
    def is_flow(self) -> bool:
        """Whether it is a flow: its steps come as they come, and their number is not known."""
        return any(task.kind is TaskKind.FLOW for task in self.tasks)

    def task(self, name: str) -> PlannedTask:
        """The task of that name. Raises KeyError where there is none."""
        return self.tasks[self.place(name)]

    def is_task(self, name: str) -> bool:
        """Whether one of the tasks has that name."""
        return name in self._places

    def place(self, name: str) -> int:
        """Which of the tasks has that name, counted from 0. Raises KeyError."""
        return self._places[name]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {task.name: place for place, task in enumerate(self.tasks)}

    def is_whole(self, committed: Collection[str]) -> bool:
        """Whether every task is committed. The last ones are looked at first: most are missing."""
        return all(task.name in committed for task in reversed(self.tasks))

    def due(self, started: Collection[str], committed: Collection[str]) -> tuple[str, ...]:
        """Return the names of the tasks that may start now.

        A task waits for every earlier one; an asynchronous task does not wait for the asynchronous
        ones directly before it, so these run side by side and are joined by what follows them
        (the order that CrewAI's own sequential process keeps).
        """
        due = []
        waits_for_asynchronous = False
        for task in self.tasks:
            if task.name in committed:
                continue
            if task.name not in started and (task.asynchronous or not waits_for_asynchronous):
                due.append(task.name)
            if not task.asynchronous:
                break
            waits_for_asynchronous = True
        return tuple(due)

    def seen_by(self, name: str) -> tuple[str, ...]:
        """The tasks whose outputs the task of that name sees, by the plan. Raises KeyError.

        One that names none sees all before it, save those that run side by side with it. So does
        one that is conditional, whatever it names: its condition reads what came before.
        """
        task, place = self.task(name), self.place(name)
        if task.context is not None and not task.conditional:
            return task.context
        while task.asynchronous and place and self.tasks[place - 1].asynchronous:
            place -= 1
        return tuple(each.name for each in self.tasks[:place])

    def followers(self, name: str) -> tuple[str, ...]:
        """The task of that name, and all that see its output or that of one of these, in order."""
        found = [name]
        for task in self.tasks[self.place(name) + 1 :]:
            if not set(found).isdisjoint(self.seen_by(task.name)):
                found.append(task.name)
        return tuple(found)

    def to_json(self) -> JsonObject:
        """The form in which a plan is stored and digested.

        What a crew has no use for is left out, so that plans keep their digests.
        """
        flow: dict[str, Json] = {}
        if self.steps:
            flow["steps"] = [asdict(step) for step in self.steps]
        if self.schema is not None:
            flow["schema"] = self.schema
        return {
            "v": FORMAT,
            "tasks": [_stored(task) for task in self.tasks],
            "inputs": list(self.inputs),
            "inputs_required": self.inputs_required,
            **flow,
        }

    @classmethod
    def from_json(cls, stored: JsonObject) -> Plan:
        """Build the plan again from what ``to_json`` gave."""
        tasks, inputs, steps = stored["tasks"], stored["inputs"], stored.get("steps", [])
        schema = stored.get("schema")
        assert isinstance(tasks, list)
        assert isinstance(inputs, list)
        assert isinstance(steps, list)
        assert schema is None or isinstance(schema, dict)
        return cls(
            tasks=tuple(_planned(task) for task in tasks),
            inputs=tuple(inputs),
            inputs_required=bool(stored["inputs_required"]),
            steps=tuple(
                PlannedStep(
                    **{**known_fields(PlannedStep, step), "options": tuple(step["options"])}
                )
                for step in steps
            ),
            schema=schema,
        )


def _stored(task: PlannedTask) -> JsonObject:
    stored: dict[str, Json] = asdict(task)
    if task.context is None:
        del stored["context"]
    else:
        stored["context"] = list(task.context)
    return stored


def _planned(stored: Mapping[str, Any]) -> PlannedTask:
    known = known_fields(PlannedTask, stored)
    context = known.get("context")
    seen = None if context is None else tuple(context)
    return PlannedTask(**{**known, "kind": TaskKind(known["kind"]), "context": seen})


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
