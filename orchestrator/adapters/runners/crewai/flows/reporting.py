"""Tells of what happens in a flow: each event once, although bodies of methods run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.events.base_events import BaseEvent

from orchestrator.adapters.runners.crewai.flows import internals
from orchestrator.adapters.runners.crewai.flows.run import Run
from orchestrator.adapters.runners.crewai.flows.scope import current
from orchestrator.adapters.runners.crewai.reporting import StepReporter

_OF_FLOW = frozenset({"flow_created", "flow_started"})
_OF_BODY = frozenset(
    {"crew_kickoff_started", "crew_kickoff_completed", "flow_created", "flow_started"}
    | {"flow_finished", "flow_input_requested", "flow_input_received"}
)
"""What a body emits again when it runs again, up to where it has come before."""

_of_task: ContextVar[StepReporter | None] = ContextVar("_of_task", default=None)


class FlowReporter:
    """Passes on the events of one run, and those of the crews inside it with their steps."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._of_flow = StepReporter(run)

    def event(self, source: object, event: BaseEvent) -> None:
        """Pass on an event of CrewAI's bus, unless an earlier run emitted it."""
        if not self._was_reported(source, event.type):
            (_of_task.get() or self._of_flow).event(source, event)

    def _was_reported(self, source: object, kind: str) -> bool:
        scope = current()
        if kind in _OF_FLOW and scope is None:
            return bool(self._run.journal)
        if kind == "flow_started" and (owner := internals.owner_of(source)):
            return bool(owner.begun)
        if kind == "method_execution_started" and scope is not None:
            return scope.answering or bool(self._run.journal.below(scope.path))
        return scope is not None and kind in _OF_BODY and scope.again


@contextmanager
def of_task(run: Run, prompt: str) -> Iterator[None]:
    """Tell of one task's steps and events: tasks side by side do not mix."""
    reporter = StepReporter(run)
    reporter.prompt = prompt
    token = _of_task.set(reporter)
    try:
        yield
        reporter.report_tools_used()
    finally:
        _of_task.reset(token)


def report_steps_of(agent: BaseAgent, crews_own: Any) -> None:
    """Have an agent's steps reported while it works in a flow of ours, and only there."""
    own = getattr(agent, "step_callback", None) or crews_own
    if "step_callback" in type(agent).model_fields and not isinstance(own, _StepCallback):
        setattr(agent, "step_callback", _StepCallback(own))  # noqa: B010 - not every kind has it


class _StepCallback:
    def __init__(self, own: Any) -> None:
        self._own = own

    def __call__(self, output: Any) -> Any:
        reporter = _of_task.get()
        if reporter is not None:
            return reporter.step_callback(self._own)(output)
        return self._own(output) if self._own else None
