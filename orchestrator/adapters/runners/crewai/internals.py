"""CrewAI's private names, all of them, as of 1.15.30: what to look at for each new release."""
# ruff: noqa: SLF001 - this module exists so that no other needs a private name

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from crewai import Agent, Crew, Task
from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.agents.cache.cache_handler import CacheHandler
from crewai.crews.crew_output import CrewOutput
from crewai.crews.utils import enable_agent_streaming, prepare_kickoff, prepare_task_execution
from crewai.events.event_bus import crewai_event_bus
from crewai.events.stream_context import StreamSink, add_stream_sink
from crewai.execution import begin_execution, end_execution
from crewai.knowledge import knowledge
from crewai.knowledge.storage.knowledge_storage import KnowledgeStorage
from crewai.llms.base_llm import BaseLLM
from crewai.llms.retry import _active_llm_rate_limit_retry
from crewai.process import Process
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput
from crewai.tools.base_tool import BaseTool
from crewai.tools.structured_tool import CrewStructuredTool
from crewai.utilities.file_store import clear_files
from crewai.utilities.formatter import DIVIDERS
from crewai.utilities.llm_utils import create_llm
from crewai.utilities.planning_handler import CrewPlanner

from orchestrator.adapters.runners.crewai.pace import Pace


@contextmanager
def kickoff_of(crew: Crew, execution_id: str) -> Iterator[None]:
    """Surround a part of a kickoff with what ``Crew.kickoff`` surrounds a whole one with."""
    scope = crewai_event_bus._enter_runtime_scope()
    token = begin_execution(execution_id, tracing=crew.tracing)
    tries_again = _active_llm_rate_limit_retry.set(True)  # as if somebody else did
    try:
        yield
    finally:
        _active_llm_rate_limit_retry.reset(tries_again)
        crew._drain_memory_writes()
        clear_files(crew.id)
        end_execution(token)
        crewai_event_bus._exit_runtime_scope(scope)


_owner: ContextVar[str] = ContextVar("_owner", default="")


class _OwnedKnowledge(KnowledgeStorage):
    """Knowledge of one deployment: CrewAI puts that of all crews into a collection ``crew``."""

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        parts = (_owner.get(), self.collection_name)
        self.collection_name = "_".join(part for part in parts if part) or None

    def save(self, documents: list[str]) -> None:
        """Embed and keep what this process has not saved yet: each job sets up agents anew."""
        saved = _saved.setdefault(self.collection_name, set())
        new = {
            hashlib.sha256(text.encode(errors="surrogatepass")).digest(): text for text in documents
        }
        new = {key: text for key, text in new.items() if key not in saved}
        super().save(list(new.values()))
        saved.update(new)

    def reset(self) -> None:
        """Forget all of it."""
        _saved.pop(self.collection_name, None)
        super().reset()


_saved: dict[str | None, set[bytes]] = {}
"""Digests of the documents that this process has saved, by their collection."""

knowledge.KnowledgeStorage = _OwnedKnowledge  # type: ignore[attr-defined]
# Whoever is given a crew has it validated again, which makes it another counter, with a timer that
# nobody stops.
for _owner_of_counter in (Crew, BaseAgent):
    vars(sys.modules[_owner_of_counter.__module__])["RPMController"] = Pace


@contextmanager
def knowledge_of(deployment: str) -> Iterator[None]:
    """Have knowledge that is stored or looked up from here on be the deployment's own."""
    token = _owner.set(hashlib.sha256(deployment.encode()).hexdigest()[:12])
    try:
        yield
    finally:
        _owner.reset(token)


def memory_of(crew: Crew) -> Any:
    """The memory that a crew has opened, or what its author said of one.

    A crew that says ``memory=True`` opens another each time that it is validated, as it is when
    its agents are set up.
    """
    return crew._memory or crew.memory


def listen(sink: StreamSink) -> None:
    """Have the sink told each event of the current context, in order, in the emitting thread."""
    add_stream_sink(sink)


def forget_tool_results(crew: Crew, agents: Iterable[BaseAgent]) -> None:
    """Give a copy of a crew caches of its own: those of an earlier execution may be stale."""
    fresh = CacheHandler()
    crew._cache_handler = fresh
    for agent in agents:
        if type(agent.cache_handler) is CacheHandler:  # not one that the author made
            agent.cache_handler = fresh
            agent.tools_handler.cache = fresh


class _NoReplay:
    """Stands for the one table in which all processes would write what ``replay`` needs."""

    def reset(self) -> None:
        pass


def prepare(crew: Crew, inputs: dict[str, Any]) -> None:
    """Fill in the inputs and set up the agents, without callbacks and planning."""
    crew.before_kickoff_callbacks = []
    crew.planning = False
    crew._task_output_handler = _NoReplay()  # type: ignore[assignment]
    if crew.stream:
        enable_agent_streaming(crew.agents)
    prepare_kickoff(crew, inputs)
    if crew.process is Process.hierarchical:
        crew._create_manager_agent()


def execute(
    crew: Crew, task: Task, earlier: list[TaskOutput], added: tuple[str, ...]
) -> TaskOutput:
    """Run one task of a prepared crew, here and now, as ``Crew._execute_tasks`` does.

    An asynchronous task without a ``context`` of its own sees no earlier output, as in a kickoff.
    What a memory makes of the output is waited for: it is a part of what the task costs.
    """
    index = crew.tasks.index(task)
    prepared, _, _ = prepare_task_execution(crew, task, index, 0, list(earlier), None)
    own = crew._get_context(task, [] if task.async_execution else earlier)
    context = DIVIDERS.join(part for part in (own, *added) if part)
    output = task.execute_sync(agent=prepared.agent, context=context, tools=prepared.tools)
    crew._process_task_result(task, output)
    crew._drain_memory_writes()
    return output


def memory_models(crew: Crew) -> Iterator[object]:
    """What the memories of a crew and its agents ask: a model, or the name of one."""
    for memory in (crew._memory, *(getattr(agent, "memory", None) for agent in crew.agents)):
        yield getattr(getattr(memory, "_memory", None) or memory, "llm", None)


def skipped(task: Task, earlier: list[TaskOutput]) -> TaskOutput | None:
    """The empty output of a conditional task whose condition does not hold, else None."""
    if not isinstance(task, ConditionalTask) or not earlier or task.should_execute(earlier[-1]):
        return None
    return task.get_skipped_task_output()


def clients_try_once(model: BaseLLM) -> None:
    """Have the clients that a model has already built send each request once."""
    for name in ("_client", "_async_client"):
        client: Any = getattr(model, name, None)
        if hasattr(client, "with_options"):
            setattr(model, name, client.with_options(max_retries=0))


def planner_model(crew: Crew) -> Any:
    """The model that plans the crew, CrewAI's default where the crew names none."""
    return create_llm(CrewPlanner([], crew.planning_llm).planning_agent_llm)


def plan_texts(crew: Crew, model: Any) -> list[str]:
    """Ask the planner of a prepared crew what to add to the description of each task."""
    planned: dict[int, str] = {}
    for of_task in _Planner(crew.tasks, model)._handle_crew_planning().list_of_plans_per_task:
        planned.setdefault(of_task.task_number, of_task.plan)
    return [planned.get(number, "") for number in range(1, len(crew.tasks) + 1)]


class _Planner(CrewPlanner):
    def _create_planning_agent(self) -> Agent:
        agent = super()._create_planning_agent()
        agent.max_retry_limit = 0
        return agent


def crew_output(crew: Crew, outputs: list[TaskOutput]) -> CrewOutput:
    """The crew's result. Raises ValueError where no task has an output."""
    return crew._create_crew_output(outputs)


def after_kickoff_callbacks(crew: Crew) -> list[Callable[[Any], Any]]:
    """The callbacks that the author gave the crew.

    ``@CrewBase`` adds one that disconnects MCP servers; a worker stays connected to them.
    """
    return [call for call in crew.after_kickoff_callbacks if not _disconnects(call)]


def _disconnects(callback: Callable[[Any], Any]) -> bool:
    if not inspect.isfunction(callback):
        return False
    hook = inspect.getclosurevars(callback).nonlocals.get("hook")
    return getattr(hook, "__name__", None) == "close_mcp_server"


# Calls of models and tools ---------------------------------------------------------------------

CallWrapper: TypeAlias = "Callable[[Callable[..., Any]], Callable[..., Any]]"


def wrap_calls(
    model: CallWrapper, model_async: CallWrapper, tool: CallWrapper, tool_async: CallWrapper
) -> None:
    """Wrap how models and tools are called, in all classes there are, each once.

    Models' classes that are made later are wrapped as they are made: CrewAI wraps them there too.
    """

    def wrap_models(owner: type) -> None:
        _wrap_own(owner, "call", model)
        _wrap_own(owner, "acall", model_async)

    _wrap_as_made(wrap_models)
    for owner in _with_subclasses(BaseLLM):
        wrap_models(owner)
    for root, name, name_async in ((BaseTool, "run", "arun"), _WITHOUT_FUNCTION_CALLING):
        for owner in _with_subclasses(root):
            _wrap_own(owner, name, tool)
            _wrap_own(owner, name_async, tool_async)


_WITHOUT_FUNCTION_CALLING = (CrewStructuredTool, "invoke", "ainvoke")
"""The guise in which tools are called by text."""


def _wrap_as_made(wrap: Callable[[type], None]) -> None:
    made = BaseLLM.__dict__["__init_subclass__"].__func__
    if getattr(made, "__wrapped_by_us__", False):
        return

    @functools.wraps(made)
    def init_subclass(owner: type[BaseLLM], **kwargs: Any) -> None:
        made(owner, **kwargs)
        wrap(owner)

    init_subclass.__wrapped_by_us__ = True  # type: ignore[attr-defined]  # a mark of our own
    BaseLLM.__init_subclass__ = classmethod(init_subclass)  # type: ignore[assignment, arg-type]


def _with_subclasses(root: type) -> Iterator[type]:
    yield root
    subclasses: list[type] = root.__subclasses__()
    for each in subclasses:
        yield from _with_subclasses(each)


def _wrap_own(owner: type, name: str, wrapper: CallWrapper) -> None:
    own = owner.__dict__.get(name)
    if not inspect.isfunction(own) or getattr(own, "__wrapped_by_us__", False):
        return
    if getattr(own, "__isabstractmethod__", False):
        return
    replacement: Any = wrapper(own)
    replacement.__wrapped_by_us__ = True
    setattr(owner, name, replacement)


def is_same_tool(one: object, other: object) -> bool:
    """Whether two are one tool: agents without function calling use it in another guise."""
    return one is not None and _tool_itself(one) is _tool_itself(other)


def _tool_itself(tool: object) -> object:
    return getattr(tool, "_original_tool", None) or tool


def arguments_of(tool: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a tool is given, without what CrewAI adds of itself."""
    if isinstance(tool, CrewStructuredTool):
        return args[0] if args else kwargs.get("input", {})
    return {"": list(args), **kwargs} if args else kwargs


def with_arguments(
    tool: object, args: tuple[Any, ...], kwargs: dict[str, Any], given: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """How a tool is called with other arguments, in the form that ``arguments_of`` gave them."""
    if isinstance(tool, CrewStructuredTool):
        return (given, *args[1:]), {name: v for name, v in kwargs.items() if name != "input"}
    named = dict(given)
    return tuple(named.pop("", ())), named


def arguments_schema(tool: object) -> dict[str, Any] | None:
    """The JSON Schema of a tool's arguments, None where it has none that could be read."""
    schema = getattr(tool, "args_schema", None)
    try:
        return schema.model_json_schema() if schema is not None else None
    except Exception:  # noqa: BLE001 - a schema of users' own: then nothing is checked by it
        return None


def count_use(tool: object) -> None:
    """Count the use of a tool that was served: its limit counts those before a crash, too."""
    if isinstance(tool, CrewStructuredTool):
        tool._increment_usage_count()
    elif isinstance(tool, BaseTool):
        tool._claim_usage()


def counter_of(model: BaseLLM) -> int:
    """What tells apart where models count their tokens: copies of one count in one place."""
    return id(getattr(model, "_token_usage", model))


def is_from_outside(error: BaseException) -> bool:
    """Whether an error is no failure of what it was raised in: Celery's time limit, that is."""
    return type(error).__module__.partition(".")[0] == "billiard"
