"""The runner for flows, with CrewAI imported: what the adapter's runner calls."""

from __future__ import annotations

import contextvars
from typing import Any

from crewai import Flow
from crewai.flow import start
from crewai.flow.flow_config import flow_config
from crewai.flow.persistence.factory import set_flow_persistence_factory
from crewai.hooks.dispatch import HookAborted

from orchestrator.adapters.runners.crewai.environment import storage_of
from orchestrator.adapters.runners.crewai.flows import (
    asking,
    internals,
    nested,
    outcomes,
    persistence,
)
from orchestrator.adapters.runners.crewai.flows.journal import Journal, method_of
from orchestrator.adapters.runners.crewai.flows.loop import run_apart
from orchestrator.adapters.runners.crewai.flows.plans import codec_of, flow_class_of, flow_plan
from orchestrator.adapters.runners.crewai.flows.replay import conduct
from orchestrator.adapters.runners.crewai.flows.reporting import FlowReporter
from orchestrator.adapters.runners.crewai.flows.reviews import Reviewers
from orchestrator.adapters.runners.crewai.flows.run import Options, Run
from orchestrator.adapters.runners.crewai.flows.scope import Interrupted, Paused
from orchestrator.adapters.runners.crewai.flows.terminal import replace_stdin, replace_terminal
from orchestrator.adapters.runners.crewai.flows.values import to_result
from orchestrator.adapters.runners.crewai.internals import knowledge_of, listen
from orchestrator.adapters.runners.crewai.memory import open_memories_when_used
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.domain.question import Question
from orchestrator.domain.work import Work
from orchestrator.errors import ClaimLost, DeploymentBroken, TaskFailed, cause
from orchestrator.ports import Ended, Halted, RunContext

__all__ = ["Flows", "Options", "flow_plan", "run_flow", "warm_up", "weigh"]


def _install() -> None:
    """Have CrewAI ask us, and keep states with us. Before any code of users is imported."""
    set_flow_persistence_factory(persistence.FlowStates)
    flow_config.hitl_provider = Reviewers()
    flow_config.input_provider = asking.Inputs()
    replace_terminal()
    nested.install()
    open_memories_when_used()


_install()


def warm_up() -> None:
    """Build a first flow: it takes seconds, and starts a thread. Never in a process that forks."""

    class Nothing(Flow):  # type: ignore[type-arg]  # a dict is what a flow without one has
        @start()
        def begin(self) -> None:
            """Nothing."""

    Nothing()


class Flows:
    """Keeps ``ports.Runner`` for flows, with CrewAI imported."""

    def plan(self, deployment: Deployment) -> Plan:
        """Read the flow. Raises DeploymentBroken."""
        return flow_plan(deployment)

    def warm_up(self) -> None:
        """Build a first flow."""
        warm_up()

    def run(self, deployment: Deployment, work: Work, context: RunContext) -> Ended | Halted:
        """Run the flow up to where it waits for people, or to its end."""
        return run_flow(deployment, work, context, Options(one_by_one=deployment.one_by_one))

    def weigh(
        self, deployment: Deployment, question: Question, words: str, output: Output
    ) -> str | None:
        """Have the decorator's model, or the deployment's, say which option the words mean."""
        return weigh(deployment, question, words, output, deployment.outcome_model)


def run_flow(
    deployment: Deployment, work: Work, context: RunContext, options: Options | None = None
) -> Ended | Halted:
    """Run the flow from where its history has it, to its end or until it waits for people.

    Raises TaskFailed, ClaimLost or DeploymentBroken, and whatever the context raises.
    """
    flow_class = flow_class_of(deployment)
    run = Run(
        execution_id=work.execution_id,
        deployment=work.deployment,
        journal=Journal(work.history),
        context=context,
        codec=codec_of(flow_class),
        options=options or Options(),
    )
    replace_stdin()
    persistence.begin(work.execution_id)
    try:
        # CrewAI keeps the scopes of its events in context variables.
        return contextvars.copy_context().run(_ended_as_ours, run, flow_class, work)
    finally:
        persistence.end(work.execution_id)


def _ended_as_ours(run: Run, flow_class: type[internals.AnyFlow], work: Work) -> Ended | Halted:
    try:
        with (
            storage_of(run.deployment),
            knowledge_of(run.deployment),
            internals.kickoff_of_flow(run.execution_id),
            run.journalled(),
        ):
            run.check()
            listen(FlowReporter(run).event)
            return Ended(to_result(run.codec, _result(run, flow_class, work)), run.usage())
    except Paused:
        return Halted(run.usage())
    except Interrupted as error:
        raise error.why from None
    except (TaskFailed, ClaimLost, DeploymentBroken):
        raise
    except BaseException as error:  # users' code may end with anything at all
        raise TaskFailed(cause(error), retryable=not isinstance(error, HookAborted)) from error


def _result(run: Run, flow_class: type[internals.AnyFlow], work: Work) -> Any:
    flow = flow_class()
    flow.stream = False  # else a kickoff returns before anything has run
    internals.expect_no_stored_state(flow)
    inputs = {**work.inputs, "id": work.execution_id}
    return run_apart(conduct(run, flow, lambda: flow.kickoff_async(inputs)))


def weigh(
    deployment: Deployment,
    question: Question,
    words: str,
    output: Output,  # noqa: ARG001 - CrewAI's own prompt does not show it
    outcome_llm: str | None = None,
) -> str | None:
    """The option of a review that a person's words mean: exactly one of them, or None.

    The decorator's model is asked, else ``outcome_llm``, else CrewAI's own choice. Raises
    TaskFailed where no model could be asked.
    """
    said = outcomes.exact(words, question.options)
    if said is not None:
        return said
    try:
        llm = _decorators_model(deployment, question) or outcome_llm
        with knowledge_of(deployment.name):
            return outcomes.asked_of_model(internals.model_from(llm), words, question.options)
    except DeploymentBroken:
        raise
    except BaseException as error:  # the same of a model of theirs
        raise TaskFailed(f"No model could say which option is meant: {cause(error)}") from error


def _decorators_model(deployment: Deployment, question: Question) -> Any:
    """The model that the reviewed method names; of a flow inside a method, by its class's name."""
    flow_class: type[internals.AnyFlow] | None = flow_class_of(deployment)
    below = question.path.split("/")[:-1]
    inner = [part for part in below if part.startswith("flow:")]
    if inner:
        flow_class = _class_named(
            inner[-1].removeprefix("flow:").partition("~")[0].partition("(")[0]
        )
    method = method_of(question.path)
    definition = internals.definition_of(flow_class).methods.get(method) if flow_class else None
    feedback = definition.human_feedback if definition else None
    return feedback.llm if feedback else None


def _class_named(name: str) -> type[internals.AnyFlow] | None:
    waiting: list[Any] = [Flow]
    while waiting:
        one = waiting.pop()
        if one.__name__ == name and one is not Flow:
            return one  # type: ignore[no-any-return]  # a subclass of Flow
        waiting.extend(one.__subclasses__())
    return None
