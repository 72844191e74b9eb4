"""Builds users' crews, once for each process, and copies them for every run.

Deployments of one worker share neither knowledge nor memory, unless an author named a storage.

Once, because ``@CrewBase`` remembers what its methods returned by the ``id()`` of the instance (an
instance at a freed one's address would be given its old tasks), and because each new instance
registers its hooks once more. A copy, because a run writes into its crew: prompts, outputs, agents.
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import uuid4

from crewai import Crew, Flow, Task
from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.knowledge.source.base_knowledge_source import BaseKnowledgeSource
from pydantic import BaseModel

from orchestrator.adapters.runners.crewai.environment import storage_of
from orchestrator.adapters.runners.crewai.internals import (
    forget_tool_results,
    knowledge_of,
    memory_of,
)
from orchestrator.adapters.runners.crewai.retries import agents_of
from orchestrator.adapters.runners.loading import broken, kind_of, load
from orchestrator.domain.deployment import Deployment
from orchestrator.errors import cause

M = TypeVar("M", bound=BaseModel)


class BuiltCrews:
    """The crews of this process as their authors built them. They are never run themselves."""

    def __init__(self) -> None:
        self._crews: dict[tuple[str, str], Crew] = {}
        self._makers: list[object] = []  # kept, so that nothing else gets their addresses

    def of(self, deployment: Deployment) -> Crew:
        """The deployment's crew. Raises DeploymentBroken."""
        wanted = (deployment.name, deployment.target)
        if wanted not in self._crews:
            with knowledge_of(deployment.name), storage_of(deployment.name):
                self._crews[wanted] = self._build(deployment)
        return self._crews[wanted]

    def _build(self, deployment: Deployment) -> Crew:
        target = load(deployment)
        if isinstance(target, type) and issubclass(target, Flow):
            raise broken(deployment, "it is a flow: name it with 'flow' in place of 'crew'")
        try:
            maker = _maker_from(target)
            self._makers.append(maker)
            crew = _crew_of(maker)
        except BaseException as error:
            raise broken(deployment, f"building the crew failed: {cause(error)}") from error
        if not isinstance(crew, Crew):
            raise broken(deployment, f"it is {kind_of(crew)}, not a crew")
        return crew


def _maker_from(target: Any) -> object:
    """A crew as it is, what a function returns, or an instance of a class."""
    return target() if callable(target) and not isinstance(target, Crew) else target


def _crew_of(maker: Any) -> object:
    """A crew as it is, or the ``crew()`` of an object."""
    make = None if isinstance(maker, Crew) else getattr(maker, "crew", None)
    return make() if callable(make) else maker


def own_copy(crew: Crew) -> Crew:
    """Copy a crew for one run, with tasks and agents of its own.

    Models, tools, memory and knowledge are shared with the original. (``Crew.copy`` rebuilds
    models from their fields, and takes tasks with equal prompts for one.)
    """
    agents = {id(agent): _own_agent(agent) for agent in agents_of(crew)}
    tasks = {id(task): _own_task(task, agents) for task in crew.tasks}
    for task in tasks.values():
        if isinstance(task.context, list):
            task.context = [tasks.get(id(earlier), earlier) for earlier in task.context]
    own = _copied(
        crew,
        id=uuid4(),
        agents=[agents[id(agent)] for agent in crew.agents],
        tasks=[tasks[id(task)] for task in crew.tasks],
        manager_agent=agents.get(id(crew.manager_agent)),
        memory=memory_of(crew),
        knowledge_sources=_own_sources(crew.knowledge_sources),
    )
    forget_tool_results(own, agents.values())
    return own


def _own_agent(agent: BaseAgent) -> BaseAgent:
    return _copied(
        agent,
        agent_executor=None,
        tools_handler=_copied(agent.tools_handler),
        knowledge_sources=_own_sources(agent.knowledge_sources),
    )


def _own_sources(sources: list[BaseKnowledgeSource] | None) -> list[BaseKnowledgeSource] | None:
    """Sources of knowledge gather their chunks anew each time that they are added."""
    return sources and [_copied(source) for source in sources]


def _own_task(task: Task, agents: dict[int, BaseAgent]) -> Task:
    # Without human_input: CrewAI would ask on the terminal. The review is ours.
    return _copied(
        task, id=uuid4(), agent=agents.get(id(task.agent)), output=None, human_input=False
    )


def _copied(model: M, **changes: Any) -> M:
    """Copy a model; its lists, sets and mappings too, but not what is in them."""
    copied = model.model_copy(update=changes)
    for values in (copied.__dict__, copied.__pydantic_private__ or {}):
        for name, value in values.items():
            if type(value) in (list, set, dict):
                values[name] = value.copy()
    return copied
