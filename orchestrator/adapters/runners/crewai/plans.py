"""Reads the plan of a crew."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crewai import Crew, Task
from crewai.tasks.conditional_task import ConditionalTask

from orchestrator.adapters.runners.crewai.internals import after_kickoff_callbacks
from orchestrator.domain.canonical import digest
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind, unique_names

_INPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
"""What CrewAI fills in. ``fetch_inputs`` returns whatever stands in braces, such as JSON."""
_BRACED = re.compile(rf"{{({_INPUT.pattern})}}")


def read_plan(crew: Crew) -> Plan:
    """Read the plan of a crew that has not been prepared for a run."""
    own_names = unique_names([task.name for task in crew.tasks])
    before, after = _around(crew)
    names = unique_names([*own_names, *before, *after])[len(own_names) :]
    around = [PlannedTask(name, kind) for name, kind in zip(names, [*before, *after], strict=True)]
    named = list(zip(crew.tasks, own_names, strict=True))
    names_of = {id(task): name for task, name in named}
    tasks = [_planned(crew, task, name, names_of) for task, name in named]
    return Plan(
        tasks=(*around[: len(before)], *tasks, *around[len(before) :]),
        inputs=_inputs(crew),
        # The callbacks may well add what is missing.
        inputs_required=not crew.before_kickoff_callbacks,
    )


def _inputs(crew: Crew) -> tuple[str, ...]:
    """What CrewAI will fill in; of braces within braces it fills in the innermost."""
    innermost = {found.rpartition("{")[2] for found in crew.fetch_inputs()}
    in_prompts = {name for name in innermost if _INPUT.fullmatch(name)}
    in_paths = {name for task in crew.tasks for name in _BRACED.findall(task.output_file or "")}
    return tuple(sorted(in_prompts | in_paths))


def _around(crew: Crew) -> tuple[list[TaskKind], list[TaskKind]]:
    """What has to run before the crew's tasks, and after them."""
    before = [TaskKind.BEFORE_KICKOFF] if crew.before_kickoff_callbacks else []
    planning = [TaskKind.PLANNING] if crew.planning else []
    after = [TaskKind.AFTER_KICKOFF] if after_kickoff_callbacks(crew) else []
    return [*before, *planning], after


def _planned(crew: Crew, task: Task, name: str, names: Mapping[int, str]) -> PlannedTask:
    agents = [agent.key for agent in (task.agent, crew.manager_agent) if agent]
    return PlannedTask(
        name=name,
        agent=task.agent.role if task.agent else "",
        description=task.description,
        expected_output=task.expected_output,
        key=digest([task.key, *agents]),
        human_input=bool(task.human_input),
        asynchronous=bool(task.async_execution),
        conditional=isinstance(task, ConditionalTask),
        context=_context(task, names),
    )


def _context(task: Task, names: Mapping[int, str]) -> tuple[str, ...] | None:
    """The tasks whose outputs it sees; None, as where it says nothing, for one that is not here."""
    if not isinstance(task.context, list):
        return () if task.context is None else None
    seen = [names.get(id(each)) for each in task.context]
    return None if None in seen else tuple(filter(None, seen))
