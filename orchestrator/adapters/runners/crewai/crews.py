"""Runs one planned task of a crew, in whichever process, from what the chain has of the others.

What the callbacks and the planner of a crew do is a planned task each, so that it runs once. What
a callback before kickoff leaves in objects of its own process, rather than in the inputs that it
returns, does not reach the tasks.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

from crewai.hooks.dispatch import HookAborted
from crewai.types.usage_metrics import UsageMetrics

from orchestrator.adapters.runners.crewai import calls, internals, metering, outputs
from orchestrator.adapters.runners.crewai.building import BuiltCrews, own_copy
from orchestrator.adapters.runners.crewai.crew_run import (
    CrewRun,
    prepare,
    report_steps_of_manager,
    tell_steps,
)
from orchestrator.adapters.runners.crewai.flows.scope import Interrupted, Paused
from orchestrator.adapters.runners.crewai.flows.terminal import replace_stdin
from orchestrator.adapters.runners.crewai.plans import read_plan
from orchestrator.adapters.runners.crewai.reporting import Abandoned, StepReporter, abandoning
from orchestrator.adapters.runners.crewai.retries import retry_in_one_place
from orchestrator.adapters.runners.loading import kind_of
from orchestrator.domain.canonical import encode
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, TaskKind
from orchestrator.domain.question import Question
from orchestrator.domain.review import judge
from orchestrator.domain.work import Work
from orchestrator.errors import ClaimLost, TaskFailed, cause
from orchestrator.ports import Ended, Halted, RunContext


class Crews:
    """The runner for crews, with CrewAI imported."""

    def __init__(self) -> None:
        self._built = BuiltCrews()

    def plan(self, deployment: Deployment) -> Plan:
        """Build the crew and read its plan. Raises DeploymentBroken."""
        return read_plan(self._built.of(deployment))

    def run(self, deployment: Deployment, work: Work, context: RunContext) -> Ended | Halted:
        """Run the task that is due. Raises TaskFailed, ClaimLost or DeploymentBroken."""
        crew = own_copy(self._built.of(deployment))
        replace_stdin()
        run = CrewRun(crew, work, StepReporter(context), context.journal)
        # CrewAI keeps the scopes of its events in context variables, and closes them at the end of
        # a kickoff only.
        return contextvars.copy_context().run(_ended_as_ours, run)

    def warm_up(self) -> None:
        """A crew's first task needs nothing that its import has not done."""

    def weigh(
        self, deployment: Deployment, question: Question, words: str, output: Output
    ) -> str | None:
        """A crew's tasks offer no options: nobody asks this."""
        del deployment, question, words, output
        return None


def _ended_as_ours(run: CrewRun) -> Ended | Halted:
    """Run, and turn every way in which it can fail into one of ours."""
    try:
        return _run(run)
    except Paused:
        return Halted({})  # the journal has what its calls cost
    except (TaskFailed, ClaimLost):
        raise
    except BaseException as error:
        raise TaskFailed(cause(error), retryable=not isinstance(error, HookAborted)) from error


def _run(run: CrewRun) -> Ended:
    try:
        run.reporter.check()
        with (
            internals.kickoff_of(run.crew, run.work.execution_id),
            internals.knowledge_of(run.work.deployment),
            calls.journalled(run.journal, lambda: run.work.path, abandoning),
        ):
            return _RUN[run.work.task.kind](run)
    except (Abandoned, Interrupted) as left:
        raise left.why from None


def _before_kickoff(run: CrewRun) -> Ended:
    internals.listen(run.reporter.event)
    meter = metering.TokenMeter(run.crew)
    inputs: Any = dict(run.work.inputs)
    for callback in run.crew.before_kickoff_callbacks:
        inputs = callback({} if inputs is None else inputs)
    text = _as_json(inputs)
    return Ended(Output(text, json=inputs), run.usage(meter))


def _as_json(inputs: Any) -> str:
    message = f"The before_kickoff callbacks returned {kind_of(inputs)}, not inputs as JSON data"
    if not isinstance(inputs, dict):
        raise TaskFailed(message, retryable=False)
    try:
        return encode(inputs).decode()
    except (TypeError, ValueError) as error:
        raise TaskFailed(f"{message}: {cause(error)}", retryable=False) from error


def _planning(run: CrewRun) -> Ended:
    model = internals.planner_model(run.crew)
    prepare(run)
    retry_in_one_place(run.crew, model)
    meter = metering.TokenMeter(run.crew, model)
    texts = internals.plan_texts(run.crew, model)
    joined = "\n\n".join(f"Task {n}: {text}" for n, text in enumerate(texts, start=1) if text)
    usage = run.usage(meter)
    return Ended(Output(joined, json=texts, extra={"usage": usage}), usage)


def _task(run: CrewRun) -> Ended:
    tell_steps(run)
    prepare(run)
    report_steps_of_manager(run)
    meter = metering.TokenMeter(run.crew, *internals.memory_models(run.crew))
    added = run.work.added_context()
    empty = internals.skipped(run.task, run.earlier)
    skipped = empty is not None
    run.reporter.prompt = run.task.description
    output = empty or internals.execute(run.crew, run.task, run.earlier, added)
    run.reporter.report_tools_used()
    usage = run.usage(meter)
    asks = run.work.task.human_input and not skipped
    question = judge(run.work.path, run.work.path) if asks else None
    stored = outputs.from_task(output, usage, skipped=skipped)
    return Ended(outputs.editable(stored, run.task) if asks else stored, usage, question)


def _after_kickoff(run: CrewRun) -> Ended:
    prepare(run)
    meter = metering.TokenMeter(run.crew)
    result: Any = internals.crew_output(run.crew, run.earlier)
    stored = run.work.outputs.values()
    result.token_usage = UsageMetrics(**metering.total(outputs.usage_of(o) for o in stored))
    for callback in internals.after_kickoff_callbacks(run.crew):
        result = callback(result)
    return Ended(outputs.from_crew(result), run.usage(meter))


_RUN: Mapping[TaskKind, Callable[[CrewRun], Ended]] = {
    TaskKind.BEFORE_KICKOFF: _before_kickoff,
    TaskKind.PLANNING: _planning,
    TaskKind.TASK: _task,
    TaskKind.AFTER_KICKOFF: _after_kickoff,
}
