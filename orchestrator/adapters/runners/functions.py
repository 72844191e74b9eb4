"""Runs crews of plain Python functions: tests, benchmarks, glue. No model is involved."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from orchestrator.adapters.runners.function_crew import FunctionCrew, FunctionTask, TaskCall
from orchestrator.adapters.runners.loading import broken, kind_of, load
from orchestrator.domain.canonical import Json, decode, digest, encode
from orchestrator.domain.chain import Chain
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask, unique_names
from orchestrator.errors import TaskFailed, cause
from orchestrator.ports import Progress, TaskResult

BETWEEN_CONTEXTS = "\n\n----------\n\n"
"""What stands between two texts of a context: what CrewAI puts there."""


class FunctionsRunner:
    """Runs the functions of a deployment, one for each call of ``run``."""

    def plan(self, deployment: Deployment) -> Plan:
        """Load the functions and read their plan. Raises DeploymentBroken."""
        crew = _crew(deployment)
        tasks = [_as_task(deployment, work) for work in crew.tasks]
        names = unique_names([_own_name(task) for task in tasks])
        _check_contexts(deployment, tasks, names)
        planned = [_planned(name, task) for name, task in zip(names, tasks, strict=True)]
        return Plan(tuple(planned), tuple(crew.inputs))

    def run(self, deployment: Deployment, chain: Chain, progress: Progress) -> TaskResult:
        """Call the function that is due.

        Raises whatever Exception it raises; TaskFailed where it raises anything else and, not to be
        retried, when it returns something that has no JSON form.
        """
        progress.check()
        task = _as_task(deployment, _crew(deployment).tasks[chain.task_index])
        try:
            returned = task(_call(task, chain, progress)) if task.takes_call else task()
        except Exception:
            raise
        except BaseException as error:  # users' code may end with anything at all
            raise TaskFailed(cause(error)) from error
        return TaskResult(_output(chain.task, returned), usage={})


def _crew(deployment: Deployment) -> FunctionCrew:
    target = load(deployment)
    if callable(target) and not isinstance(target, FunctionTask):
        target = _made_by(deployment, target)
    if isinstance(target, FunctionCrew):
        return target
    if isinstance(target, list | tuple):
        return FunctionCrew(target)
    raise broken(deployment, f"it is {kind_of(target)}, not a crew of functions")


def _made_by(deployment: Deployment, make: object) -> object:
    try:
        return make()  # type: ignore[operator]
    except BaseException as error:
        raise broken(deployment, f"calling it failed: {cause(error)}") from error


def _as_task(deployment: Deployment, work: object) -> FunctionTask:
    if isinstance(work, FunctionTask):
        return work
    if callable(work):
        return FunctionTask(work)
    raise broken(deployment, f"its crew has {kind_of(work)} where a function should be")


def _check_contexts(
    deployment: Deployment, tasks: list[FunctionTask], names: tuple[str, ...]
) -> None:
    for index, task in enumerate(tasks):
        for unknown in set(task.context or ()) - set(names[: _joined_before(tasks, index)]):
            why = f"task {names[index]!r} has {unknown!r} as context, which does not come before it"
            raise broken(deployment, why)


def _joined_before(tasks: Sequence[FunctionTask | PlannedTask], index: int) -> int:
    """How many of the first tasks surely come before: those side by side with it do not count."""
    while tasks[index].asynchronous and index and tasks[index - 1].asynchronous:
        index -= 1
    return index


def _own_name(task: FunctionTask) -> str | None:
    name: str | None = task.name or getattr(task.work, "__name__", None)
    return None if name == "<lambda>" else name


def _planned(name: str, task: FunctionTask) -> PlannedTask:
    return PlannedTask(
        name=name,
        description=(inspect.isroutine(task.work) and inspect.getdoc(task.work)) or "",
        key=digest(_source(task)),
        human_input=task.human_input,
        asynchronous=task.asynchronous,
    )


def _source(task: FunctionTask) -> str:
    """The function's text; its name where there is no text (a partial, a built-in)."""
    try:
        return inspect.getsource(task.work)
    except (OSError, TypeError):
        return str(getattr(task.work, "__qualname__", type(task.work).__qualname__))


def _call(task: FunctionTask, chain: Chain, progress: Progress) -> TaskCall:
    seen = _seen_outputs(task, chain)
    own = chain.previous_rounds
    last = own[-1].output if own else None
    return TaskCall(
        inputs=chain.inputs,
        context=BETWEEN_CONTEXTS.join((*seen.values(), *chain.added_context())),
        outputs=seen,
        feedback=tuple(remark.words for remark in chain.remarks if remark.words.strip()),
        previous_answer=last.raw if last else None,
        round=chain.round,
        idempotency_key=chain.idempotency_key,
        check=progress.check,
    )


def _seen_outputs(task: FunctionTask, chain: Chain) -> Mapping[str, str]:
    tasks = chain.plan.tasks
    places = range(_joined_before(tasks, chain.task_index))
    outputs = {tasks[place].name: chain.outputs[place].raw for place in places}
    return outputs if task.context is None else {name: outputs[name] for name in task.context}


def _output(task: PlannedTask, returned: Json) -> Output:
    if returned is None or isinstance(returned, str):
        return Output(returned or "", task.agent, task.description)
    try:
        encoded = encode(returned)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"Task {task.name!r} returned {kind_of(returned)}, not a text or JSON data"
        raise TaskFailed(message, retryable=False) from error
    return Output(encoded.decode(), task.agent, task.description, json=decode(encoded))
