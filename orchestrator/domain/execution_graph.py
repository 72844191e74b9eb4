"""An execution as a graph: its tasks or methods, what each comes after, and how each stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.checkpoint import Cause, Checkpoint, name_of
from orchestrator.domain.plan import Plan, PlannedStep
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun, TaskRunState

MOST_NODES = 400
"""Of a larger plan, the first ones are shown."""


class Standing(StrEnum):
    """How a task or method stands, in the words in which people are told."""

    AHEAD = "not begun"
    DUE = "waits for a worker"
    RUNNING = "runs"
    ASKING = "asks a person"
    DONE = "done"
    AGAIN = "to be done again"
    FAILED = "failed"
    ENDED = "taken back"


_STANDING = {
    TaskRunState.DUE: Standing.DUE,
    TaskRunState.RUNNING: Standing.RUNNING,
    TaskRunState.UNDER_REVIEW: Standing.ASKING,
    TaskRunState.HALTED: Standing.ASKING,
    TaskRunState.COMMITTED: Standing.DONE,
    TaskRunState.REJECTED: Standing.AGAIN,
    TaskRunState.FAILED: Standing.FAILED,
    TaskRunState.WITHDRAWN: Standing.ENDED,
    TaskRunState.SUPERSEDED: Standing.ENDED,
}


@dataclass(frozen=True, slots=True)
class Node:
    """A task of a crew, or a method of a flow with all its calls.

    ``rounds`` counts its runs or calls, ``seconds`` is how long they took in all, None where none
    has ended. ``after`` says in words what a method waits for.
    """

    name: str
    standing: Standing
    rounds: int = 0
    seconds: float | None = None
    asks: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionGraph:
    """The nodes in their order, and by name which comes after which.

    ``begins`` are those with which a flow begins, ``hidden`` is how many were too many.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    hidden: int = 0
    begins: frozenset[str] = frozenset()


def execution_graph(
    plan: Plan,
    runs: Sequence[TaskRun],
    reviews: Sequence[Review],
    checkpoints: Sequence[Checkpoint],
) -> ExecutionGraph:
    """The graph of an execution, from what its snapshot has."""
    if plan.is_flow:
        steps = plan.steps or _steps_of(plan, checkpoints)
        nodes = [_method(step, plan, runs, reviews, checkpoints) for step in steps[:MOST_NODES]]
        edges = _edges_of_flow(steps)
        begins = frozenset(step.name for step in steps if _BEGINNING in _events(step))
        hidden = max(0, len(steps) - MOST_NODES)
        return ExecutionGraph(tuple(nodes), tuple(edges), hidden, begins)
    tasks = plan.tasks[:MOST_NODES]
    by_path: dict[str, list[TaskRun]] = {}
    for run in runs:
        by_path.setdefault(run.path, []).append(run)
    nodes = [_task(task.name, task.human_input, by_path.get(task.name, [])) for task in tasks]
    edges = _edges_of_crew([(task.name, task.asynchronous) for task in tasks])
    return ExecutionGraph(tuple(nodes), tuple(edges), len(plan.tasks) - len(tasks))


def _task(name: str, asks: bool, runs: Sequence[TaskRun]) -> Node:  # noqa: FBT001 - a fact of it
    if not runs:
        return Node(name, Standing.AHEAD, asks=asks)
    last = max(runs, key=lambda run: (run.round, run.created_at))
    taken = [run.execution_time for run in runs if run.execution_time is not None]
    return Node(name, _STANDING[last.state], last.round, sum(taken) if taken else None, asks)


def _edges_of_crew(tasks: Sequence[tuple[str, bool]]) -> Iterable[tuple[str, str]]:
    """As ``Plan.due`` has it: asynchronous ones in a row run side by side, and are joined."""
    before: list[str] = []
    beside: list[str] = []
    for name, is_asynchronous in tasks:
        if not is_asynchronous and beside:
            before, beside = beside, []
        yield from ((each, name) for each in before)
        if is_asynchronous:
            beside.append(name)
        else:
            before = [name]


def _method(
    step: PlannedStep,
    plan: Plan,
    runs: Sequence[TaskRun],
    reviews: Sequence[Review],
    checkpoints: Sequence[Checkpoint],
) -> Node:
    calls = [
        each
        for each in checkpoints
        if each.cause is Cause.COMMIT and not plan.is_task(each.path) and _is_of(each.path, step)
    ]
    taken = [each.seconds for each in calls if each.seconds is not None]
    standing = Standing.DONE if calls else Standing.AHEAD
    if any(run.at_step and _is_of(run.at_step.partition("/")[0], step) for run in runs):
        standing = Standing.RUNNING
    if any(each.is_open and _is_of(each.path.partition("/")[0], step) for each in reviews):
        standing = Standing.ASKING
    own = [each for each in reviews if _is_of(each.path, step)]
    rounds = max(len(calls), len({(each.path, each.round) for each in own}))
    return Node(step.name, standing, rounds, sum(taken) if taken else None, step.asks, step.after)


def _is_of(path: str, step: PlannedStep) -> bool:
    """Whether a path is that of a call of the method itself, not of what is inside it."""
    return "/" not in path and name_of(path) == step.name


def _steps_of(plan: Plan, checkpoints: Collection[Checkpoint]) -> tuple[PlannedStep, ...]:
    """The methods that were called, where the plan tells of none."""
    paths = (each.path for each in checkpoints if not plan.is_task(each.path))
    names = dict.fromkeys(name_of(path) for path in paths if "/" not in path)
    return tuple(PlannedStep(name) for name in names)


def _edges_of_flow(steps: Sequence[PlannedStep]) -> Iterable[tuple[str, str]]:
    """From each method to those that wait for it, or for an outcome that it may give."""
    givers: dict[str, list[str]] = {}
    for step in steps:
        for event in dict.fromkeys((step.name, *step.options)):
            givers.setdefault(event, []).append(step.name)
    for step in steps:
        for event in _events(step):
            yield from ((giver, step.name) for giver in givers.get(event, ()))


def _events(step: PlannedStep) -> list[str]:
    """What a method waits for, one by one: its plan has it in words."""
    return [event.strip("() ") for event in _BETWEEN.split(step.after)]


_BETWEEN = re.compile(r" (?:and|or) ")
_BEGINNING = "the start"
