"""Runs crews and flows of plain Python functions: tests, benchmarks, glue. No model is involved."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from orchestrator.adapters.runners.functions.crew import (
    FunctionCrew,
    FunctionTask,
    Schema,
    TaskCall,
    json_schema,
)
from orchestrator.adapters.runners.functions.flow import FlowStep, FunctionFlow
from orchestrator.adapters.runners.functions.flow_run import FlowRun
from orchestrator.adapters.runners.loading import broken, kind_of, load
from orchestrator.domain.canonical import Json, JsonObject, decode, digest, encode
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind, unique_names
from orchestrator.domain.question import Question
from orchestrator.domain.review import judge
from orchestrator.domain.work import Work
from orchestrator.errors import TaskFailed, cause
from orchestrator.ports import Ended, Progress, Result, RunContext
from orchestrator.wire.inputs import is_schema, misfits

T = TypeVar("T")

BETWEEN_CONTEXTS = "\n\n----------\n\n"
"""What stands between two texts of a context: what CrewAI puts there."""


class FunctionsRunner:
    """Runs the functions of a deployment: a task of a crew, or a flow up to where it halts."""

    def plan(self, deployment: Deployment) -> Plan:
        """Load the functions and read their plan. Raises DeploymentBroken."""
        crew = _loaded(deployment)
        if isinstance(crew, FunctionFlow):
            return _flow_plan(deployment, crew)
        tasks = [_as_task(deployment, work) for work in crew.tasks]
        names = unique_names([_own_name(task) for task in tasks])
        _check_contexts(deployment, tasks, names)
        _check_schemas(deployment, {n: t.schema for n, t in zip(names, tasks, strict=True)})
        planned = [_planned(name, task) for name, task in zip(names, tasks, strict=True)]
        return Plan(tuple(planned), tuple(crew.inputs))

    def run(self, deployment: Deployment, work: Work, context: RunContext) -> Result:
        """Call the function that is due, or those of a flow.

        Raises whatever Exception it raises; TaskFailed where it raises anything else and, not to be
        retried, when it returns something that has no JSON form.
        """
        context.check()
        crew = _loaded(deployment)
        if isinstance(crew, FunctionFlow):
            return FlowRun(crew, work, context, _step_output, _call_step).run()
        task = _as_task(deployment, crew.tasks[work.plan.place(work.path)])
        returned = _called(lambda: task(_call(task, work, context)) if task.takes_call else task())
        question = judge(work.path, work.path) if task.human_input else None
        return Ended(_output(work.task, returned, task.schema), {}, question)

    def warm_up(self) -> None:
        """Plain functions need nothing."""

    def weigh(
        self, deployment: Deployment, question: Question, words: str, output: Output
    ) -> str | None:
        """Plain functions have no model: nothing but an option's own words chooses it."""
        del deployment, question, words, output
        return None


def _called(users_code: Callable[[], T]) -> T:
    """Call users' code, which may end with anything at all."""
    try:
        return users_code()
    except Exception:
        raise
    except BaseException as error:
        raise TaskFailed(cause(error)) from error


def _loaded(deployment: Deployment) -> FunctionCrew | FunctionFlow:
    target = load(deployment)
    if callable(target) and not isinstance(target, FunctionTask):
        target = _made_by(deployment, target)
    if isinstance(target, FunctionCrew | FunctionFlow):
        return target
    if isinstance(target, list | tuple):
        return FunctionCrew(target)
    raise broken(deployment, f"it is {kind_of(target)}, not a crew or flow of functions")


def _flow_plan(deployment: Deployment, flow: FunctionFlow) -> Plan:
    if fault := flow.fault():
        raise broken(deployment, fault)
    _check_schemas(deployment, {each.name: each.schema for each in flow.steps})
    steps = tuple(
        PlannedStep(each.name, _comes_after(flow, each), each.asks, each.options)
        for each in flow.steps
    )
    key = digest([_source(FunctionTask(each.work)) for each in flow.steps])
    flow_task = PlannedTask(flow.name, TaskKind.FLOW, key=key)
    return Plan((flow_task,), tuple(flow.inputs), steps=steps)


def _comes_after(flow: FunctionFlow, step: FlowStep) -> str:
    begins = ["the start"] if step.name in flow.beginning else []
    joined = [" and ".join(step.after)] if step.after else []
    return " or ".join([*begins, *joined, *step.after_any])


def _step_output(step: FlowStep, returned: object) -> Output:
    return _output(PlannedTask(step.name), returned, step.schema)


def _call_step(step: FlowStep, call: TaskCall) -> object:
    task = FunctionTask(step.work)
    return _called(lambda: task(call) if task.takes_call else task())


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


def _check_schemas(deployment: Deployment, schemas: Mapping[str, Schema | None]) -> None:
    for name, schema in schemas.items():
        if schema is not None and not is_schema(json_schema(schema)):
            raise broken(deployment, f"the schema of {name!r} is no pydantic model or JSON Schema")


def _joined_before(tasks: Sequence[FunctionTask], index: int) -> int:
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
        context=task.context,
    )


def _source(task: FunctionTask) -> str:
    """The function's text; its name where there is no text (a partial, a built-in)."""
    try:
        return inspect.getsource(task.work)
    except (OSError, TypeError):
        return str(getattr(task.work, "__qualname__", type(task.work).__qualname__))


def _call(task: FunctionTask, work: Work, progress: Progress) -> TaskCall:
    seen = _seen_outputs(task, work)
    own, read = work.previous_rounds, work.read
    last = own[-1].output if own else None
    return TaskCall(
        inputs=work.inputs,
        context=BETWEEN_CONTEXTS.join((*seen.values(), *work.added_context())),
        outputs=seen,
        feedback=tuple(each.words for each in work.answers if each in read and each.words.strip()),
        previous_answer=last.raw if last else None,
        round=work.round,
        idempotency_key=work.idempotency_key,
        check=progress.check,
    )


def _seen_outputs(task: FunctionTask, work: Work) -> Mapping[str, str]:
    seen = work.plan.seen_by(work.path) if task.context is None else task.context
    final = work.outputs
    return {name: final[name].raw for name in seen}


def _output(task: PlannedTask, returned: object, schema: Schema | None) -> Output:
    """Raises TaskFailed; where it does not fit its schema, another attempt may."""
    if isinstance(returned, BaseModel):
        schema = schema or type(returned)
        returned = _dumped(returned, json_schema(schema))
    if schema is not None:
        return _typed(task, returned, json_schema(schema))
    if returned is None or isinstance(returned, str):
        return Output(returned or "", task.agent, task.description)
    return _data(task, returned)


def _dumped(model: BaseModel, schema: JsonObject) -> Json:
    """The data of a model, by the names that its schema has: those of fields, or their aliases."""
    data: Json = model.model_dump(mode="json")
    return model.model_dump(mode="json", by_alias=True) if misfits(schema, data, "") else data


def _data(task: PlannedTask, returned: object) -> Output:
    try:
        encoded = encode(returned)  # type: ignore[arg-type]  # what is no JSON is refused here
    except (TypeError, ValueError, RecursionError) as error:
        message = f"Task {task.name!r} returned {kind_of(returned)}, not a text or JSON data"
        raise TaskFailed(message, retryable=False) from error
    return Output(encoded.decode(), task.agent, task.description, json=decode(encoded))


def _typed(task: PlannedTask, returned: object, schema: JsonObject) -> Output:
    output = _data(task, returned)
    wrong = misfits(schema, output.json, "output")
    if wrong:
        sentence = "; ".join(f"{place}: {why}" for place, why in wrong.items())
        raise TaskFailed(f"Task {task.name!r} returned what does not fit its schema: {sentence}")
    return replace(output, extra={EDITS_FIT: schema})
