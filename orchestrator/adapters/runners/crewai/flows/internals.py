"""CrewAI's private names that flows need, all of them, as of 1.15.30."""
# ruff: noqa: SLF001 - this module exists so that no other needs a private name

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Never, TypeAlias, cast

from crewai import Crew, Flow, Task
from crewai.core.providers.human_input import (
    ExecutorContext,
    SyncHumanInputProvider,
    reset_provider,
    set_provider,
)
from crewai.events.event_bus import crewai_event_bus
from crewai.events.listeners.tracing.utils import set_tui_mode
from crewai.execution import begin_execution, end_execution
from crewai.flow.async_feedback.providers import ConsoleProvider
from crewai.flow.dsl._utils import is_flow_method
from crewai.flow.flow_definition import FlowDefinition, FlowHumanFeedbackDefinition
from crewai.flow.human_feedback import _resolve_llm_instance
from crewai.flow.types import FlowMethodName
from crewai.hooks.dispatch import InterceptionPoint
from crewai.hooks.llm_hooks import LLMCallHookContext
from crewai.hooks.tool_hooks import ToolCallHookContext
from crewai.llms.base_llm import BaseLLM
from crewai.llms.retry import _active_llm_rate_limit_retry
from crewai.utilities.i18n import I18N_DEFAULT

AnyFlow: TypeAlias = "Flow[Any]"
Executed: TypeAlias = "tuple[Any, str | None]"
"""What the engine has of a method: its result, and the id of the event that told of its end."""

_OURS = "_runs_under_orchestrator"


# The class, without an instance ----------------------------------------------------------------


def definition_of(flow_class: type[AnyFlow]) -> FlowDefinition:
    """The methods of a flow as CrewAI's engine sees them. Raises ValueError."""
    return flow_class.flow_definition()


def unseen_methods(flow_class: type[AnyFlow]) -> dict[str, str]:
    """Methods that the flow inherits and the engine does not see, with the class they stand in."""
    seen = definition_of(flow_class).methods
    found: dict[str, str] = {}
    for base in flow_class.__mro__[1:]:
        for name, value in vars(base).items():
            if base is not Flow and name not in seen and is_flow_method(value):
                conversational = getattr(value, "__conversational_only__", False)
                if not conversational and not base.__module__.startswith("crewai."):
                    found[name] = base.__name__
    return found


def state_of(flow_class: type[AnyFlow]) -> Any:
    """What the flow declares its state to be: a class, a model or a dict with values, or None."""
    initial = flow_class.model_fields["initial_state"].get_default(call_default_factory=True)
    if initial is not None:
        return initial
    declared = getattr(flow_class, "_initial_state_t", None)
    return declared if isinstance(declared, type) else None


# An instance: what the engine keeps ------------------------------------------------------------


def state_value(flow: AnyFlow) -> Any:
    """The state itself."""
    return flow._state


def put_state(flow: AnyFlow, state: Any) -> None:
    """Put a restored state in the place of the flow's own."""
    flow._state = state


def put_id(flow: AnyFlow, id_: str) -> None:
    """Have the state be of this id, as the engine has it at a kickoff."""
    flow._stamp_state_id(id_)


def last_output(flow: AnyFlow, method: str) -> Mapping[str, Any]:
    """What the engine wrote down of the latest call of this method, whatever ended since."""
    entries = reversed(flow._method_outputs)
    return next(entry for entry in entries if entry.get("method") == method)


def put_back(flow: AnyFlow, method: str, output: Any, feedback: Any) -> None:
    """Have the engine know of a call of a method that ended in an earlier run.

    ``feedback`` is what a person said, what stands for it where it was lost, or None.
    """
    entry: dict[str, Any] = {"method": method, "output": output}
    if feedback is not None:
        flow.human_feedback_history.append(feedback)
        flow.last_human_feedback = feedback
        if output is not feedback:
            entry["human_feedback"] = feedback
    name = FlowMethodName(method)
    flow._method_outputs.append(entry)
    flow._method_execution_counts[name] = flow._method_execution_counts.get(name, 0) + 1
    flow._completed_methods.add(name)


def allow_calls(flow: AnyFlow, limit: int) -> None:
    """Let a method be called this often, where the author left CrewAI's limit as it is."""
    if flow.max_method_calls == Flow.model_fields["max_method_calls"].default:
        flow.max_method_calls = max(limit, flow.max_method_calls)


def expect_no_stored_state(flow: AnyFlow) -> None:
    """Have the id be that of a new flow: its state comes from the journal alone."""
    flow._skip_persistence_restore = True


# An instance: what is put in the place of the engine's own methods -----------------------------


class Engine:
    """The engine's own methods of one flow, and others in their place while it runs."""

    def __init__(self, flow: AnyFlow) -> None:
        self.flow = flow
        self._shadowed: list[str] = []

    async def execute_method(
        self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Executed:
        """Run a method: events, hooks, its body, its review, what is kept of it."""
        original = type(self.flow)._execute_method
        return await original(self.flow, FlowMethodName(name), method, *args, **kwargs)

    async def review(self, name: str, definition: FlowHumanFeedbackDefinition, output: Any) -> Any:
        """Apply earlier lessons to the output, ask the provider, make a result of the answer."""
        original = type(self.flow)._run_human_feedback_step
        return await original(self.flow, FlowMethodName(name), definition, output)

    async def answered(
        self,
        name: str,
        definition: FlowHumanFeedbackDefinition,
        output: Any,
        words: str,
        outcome: str | None,
    ) -> Any:
        """What ``review`` does once a person has answered: the result, and the lessons kept."""
        flow, method = self.flow, FlowMethodName(name)
        result = await flow._finalize_human_feedback(
            method_name=method,
            method_output=output,
            raw_feedback=words,
            emit=definition.emit,
            default_outcome=outcome,  # where the words are empty; else ``collapse`` is asked
            llm=NO_MODEL,
            metadata=definition.metadata or {},
        )
        llm = _resolve_llm_instance(definition.llm) if definition.learn else NO_MODEL
        await flow._store_feedback_lessons(definition, method, output, words, llm)
        if not definition.emit:
            return result
        flow._human_feedback_method_outputs[method] = result
        return result.outcome

    async def emit_failed(self, error: BaseException) -> None:
        """Tell that the flow failed."""
        await type(self.flow)._emit_flow_failed(self.flow, error)

    def dispatch(self, point: InterceptionPoint, context: Any) -> bool:
        """Call the hooks of a point."""
        return type(self.flow)._dispatch_interception(self.flow, point, context)

    def shadow(
        self,
        owner: object,
        *,
        execute_method: Callable[..., Awaitable[Executed]],
        review: Callable[..., Awaitable[Any]],
        collapse: Callable[..., str],
        dispatch: Callable[..., bool],
        emit_failed: Callable[..., Awaitable[None]],
    ) -> None:
        """Put these in the place of the engine's own methods, on this instance only."""
        for name, stand_in in {
            "_execute_method": execute_method,
            "_run_human_feedback_step": review,
            "_collapse_to_outcome": collapse,
            "_dispatch_interception": dispatch,
            "_emit_flow_failed": emit_failed,
            _OURS: owner,
        }.items():
            object.__setattr__(self.flow, name, stand_in)
            self._shadowed.append(name)

    def unshadow(self) -> None:
        """Leave the flow as it was."""
        for name in self._shadowed:
            object.__delattr__(self.flow, name)
        self._shadowed.clear()


class _NoModel(BaseLLM):
    """Stands where CrewAI wants a model, and none is asked."""

    llm_type: str = "none"

    def call(self, *_: Any, **__: Any) -> str:
        raise AssertionError("No model is asked: the outcome is decided")


NO_MODEL = _NoModel(model="none")

STARTS = frozenset({InterceptionPoint.EXECUTION_START, InterceptionPoint.INPUT})
"""The hooks of a kickoff that a later run of the same execution does not call again."""
BEFORE_STEP = InterceptionPoint.PRE_STEP


def is_internal(flow: AnyFlow) -> bool:
    """Whether this is one of CrewAI's own flows (an agent's executor, the memory's)."""
    return type(flow).is_crewai_internal


def owner_of(flow: object) -> Any:
    """What runs the flow, where that is one of ours; else None."""
    return getattr(flow, "__dict__", {}).get(_OURS)


def feedback_definition(flow: AnyFlow, method: str) -> FlowHumanFeedbackDefinition | None:
    """What a method's decorator says of its review, None for one without."""
    return flow._definition.methods[method].human_feedback


def model_from(llm: Any) -> Any:
    """The model of a decorator: an object, a name, a configuration, or None for CrewAI's own."""
    return _resolve_llm_instance(llm)


def collapse_prompt(feedback: str, outcomes: tuple[str, ...]) -> str:
    """How CrewAI asks a model which outcome is meant."""
    template = I18N_DEFAULT.slice("human_feedback_collapse")
    return template.format(feedback=feedback, outcomes=", ".join(outcomes))


# Surroundings of a run -------------------------------------------------------------------------


@contextmanager
def kickoff_of_flow(execution_id: str) -> Iterator[None]:
    """Surround a run with the execution's id, and have models try a rate-limited call once.

    CrewAI draws a panel on the terminal for each step of a flow; a worker has none. Set for good:
    what runs a flow does so in a context of its own.
    """
    set_tui_mode(True)
    scope = crewai_event_bus._enter_runtime_scope()
    token = begin_execution(execution_id)
    tries_again = _active_llm_rate_limit_retry.set(True)  # as if somebody else did
    try:
        yield
    finally:
        _active_llm_rate_limit_retry.reset(tries_again)
        end_execution(token)
        crewai_event_bus._exit_runtime_scope(scope)


class _NobodyHere(SyncHumanInputProvider):
    """Takes an agent's answer as it is: the review is ours, once the task is done."""

    def handle_feedback(self, formatted_answer: Any, _context: ExecutorContext) -> Any:
        return formatted_answer

    async def handle_feedback_async(self, formatted_answer: Any, _context: Any) -> Any:
        return formatted_answer


@contextmanager
def without_terminal() -> Iterator[None]:
    """Have no agent ask for human input on the terminal."""
    token = set_provider(_NobodyHere())
    try:
        yield
    finally:
        reset_provider(token)


def ask_in_place_of_terminal(
    hook: Callable[..., Never], judge: Callable[..., Never], reviewers: Any, inputs: Any
) -> None:
    """Have these called by whatever CrewAI would read the terminal for. Doing it twice is one."""

    async def judge_async(*_: Any, **__: Any) -> Never:
        judge()

    def request_feedback(_console: object, context: Any, flow: AnyFlow) -> Any:
        return reviewers.request_feedback(context, flow)

    def request_input(_console: object, message: str, flow: AnyFlow, metadata: Any = None) -> Any:
        return inputs.request_input(message, flow, metadata)

    for owner, name, replacement in (
        (ToolCallHookContext, "request_human_input", hook),
        (LLMCallHookContext, "request_human_input", hook),
        (SyncHumanInputProvider, "_prompt_input", staticmethod(judge)),
        (SyncHumanInputProvider, "_prompt_input_async", staticmethod(judge_async)),
        (ConsoleProvider, "request_feedback", request_feedback),
        (ConsoleProvider, "request_input", request_input),
    ):
        setattr(owner, name, replacement)


class _NoReplayTable:
    """Stands for the one table of the machine in which a crew notes what ``replay`` needs."""

    def reset(self) -> None:
        pass

    def update(self, *_: Any, **__: Any) -> None:
        pass


def keep_out_of_replay_table(crew: Crew) -> None:
    """Have the crew not write into the table that ``replay`` reads: each kickoff wipes it."""
    crew._task_output_handler = _NoReplayTable()  # type: ignore[assignment]  # all that is called


# What is put in the place of CrewAI's methods, for the whole process ---------------------------

Wrapper: TypeAlias = "Callable[[Callable[..., Any]], Callable[..., Any]]"


CREWS = sys.modules[Crew.__module__]
"""The module of crews, which calls functions of its own."""


def wrap(owner: type[Task | Crew | AnyFlow] | ModuleType, name: str, wrapper: Wrapper) -> None:
    """Replace a method or function by what the wrapper makes of it, once in a process."""
    original = inspect.getattr_static(owner, name)
    if getattr(original, "__wrapped_by_us__", False):
        return
    replacement = cast("Any", wrapper(original))
    replacement.__wrapped_by_us__ = True
    setattr(owner, name, replacement)
