"""Tells of what happens inside CrewAI while it happens, and ends a run whose work is in vain."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from crewai.agents.parser import AgentAction, AgentFinish
from crewai.events.base_events import BaseEvent
from crewai.events.types.tool_usage_events import ToolUsageErrorEvent, ToolUsageFinishedEvent
from crewai.tools.tool_types import ToolResult
from crewai.utilities.serialization import to_serializable
from pydantic import BaseModel

from orchestrator.domain.canonical import Json, JsonObject, encode
from orchestrator.errors import cause
from orchestrator.ports import AgentStep, Progress

T = TypeVar("T")

LONGEST_TEXT = 16_000
"""Characters of one text in an event's data."""
LARGEST_DATA = 256 * 1024
"""Bytes of one event's data; a larger one is passed on by its plain fields alone."""

_OBJECTS = frozenset(
    {"agent", "available_functions", "callbacks", "crew", "from_agent", "from_task", "task"}
    | {"response_model", "tool_class", "tools", "type"}
)
"""Fields of events that hold CrewAI's live objects (and ``type``, which becomes the name)."""

_BEFORE_COSTS = frozenset({"agent_execution_started", "llm_call_started", "tool_usage_started"})


class Abandoned(BaseException):
    """Carries what ends a run out of CrewAI, which tries again, or tells its model, otherwise.

    That is ClaimLost, TaskFailed, or whatever keeps us from writing.
    """

    def __init__(self, why: BaseException) -> None:
        super().__init__(str(why))
        self.why = why


def abandoning(write: Callable[..., T], *args: Any) -> T:
    """Do what the run cannot go on without. Raises Abandoned where it fails."""
    try:
        return write(*args)
    except BaseException as error:
        raise Abandoned(error) from error


class StepReporter:
    """Passes on steps and events of one run. Events come from whichever thread emits them.

    A model that calls tools by functions has CrewAI tell its step callback of no tool, so a tool's
    step is made from the event of its use, and reported once nothing better follows.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tools_used: list[AgentStep] = []
        self.prompt = ""
        """What the agents are asked to do."""

    def check(self) -> None:
        """End the run if its work is in vain. Raises Abandoned."""
        abandoning(self._progress.check)

    def step_callback(self, own: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
        """Make an agent's step callback that reports, then calls the author's own."""

        def report(output: Any) -> Any:
            self.check()
            self._report(output)
            return own(output) if own else None

        return report

    def event(self, _source: object, event: BaseEvent) -> None:
        """Pass on one event of CrewAI's bus."""
        if event.type in _BEFORE_COSTS:
            self.check()
            self.report_tools_used()
        if isinstance(event, ToolUsageFinishedEvent | ToolUsageErrorEvent):
            self._tools_used.append(self._tool_step(event))
        self._progress.event(event.type, lambda: _data(event))

    def report_tools_used(self) -> None:
        """Report the tools whose use no step callback reported."""
        used, self._tools_used = self._tools_used, []
        for step in used:
            self._progress.step(step)

    def _report(self, output: Any) -> None:
        if isinstance(output, ToolResult):
            return  # the action, or the answer that it is, follows
        if isinstance(output, AgentAction):
            self._tools_used = []
            step = AgentStep(
                self.prompt,
                output.thought,
                output.tool,
                str(output.tool_input),
                output.result or "",
            )
        elif isinstance(output, AgentFinish):
            step = AgentStep(self.prompt, thought=output.thought, result=_text(output.output))
        else:
            step = AgentStep(self.prompt, result=str(output))
        self.report_tools_used()
        self._progress.step(step)

    def _tool_step(self, event: ToolUsageFinishedEvent | ToolUsageErrorEvent) -> AgentStep:
        result = event.output if isinstance(event, ToolUsageFinishedEvent) else event.error
        return AgentStep(
            self.prompt,
            tool=event.tool_name,
            tool_input=_text(event.tool_args),
            result=_text(result),
        )


def _text(value: Any) -> str:
    """A text as it is; arguments and models as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return json.dumps(value, default=str, ensure_ascii=False)


def _data(event: BaseEvent) -> JsonObject:
    """The event as JSON: without live objects, with long texts cut."""
    fields = {name: getattr(event, name, None) for name in type(event).model_fields}
    plain = {name: value for name, value in fields.items() if name not in _OBJECTS}
    try:
        data = {name: _bounded(to_serializable(value)) for name, value in plain.items()}
        size = len(encode(data))
    except Exception as error:  # noqa: BLE001 - an event that cannot be passed on must not end the task
        return {"event_id": event.event_id, "unreadable": cause(error)}
    return data if size <= LARGEST_DATA else _plain(data)


def _plain(data: JsonObject) -> JsonObject:
    plain = {name: v for name, v in data.items() if v is None or isinstance(v, str | int | float)}
    return {**plain, "truncated": True}


def _bounded(value: Any) -> Json:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[: LONGEST_TEXT - 1] + "…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _bounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(part) for part in value]
    return value  # type: ignore[no-any-return]
