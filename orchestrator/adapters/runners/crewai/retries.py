"""Has a failing model fail its task at once: ``max_attempts`` of the deployment says how often.

CrewAI tries a task's agent three times, a rate-limited call three times, and its OpenAI and
Anthropic clients send each request three times: a model that is away would be asked nine times by
each attempt of ours. A limit that an author set on an agent or on a model stays.

What stays, too: the converter asks up to three times for an answer as data; models of AWS Bedrock
and those through LiteLLM keep what their own libraries retry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crewai import Agent, Crew
from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.llms.base_llm import BaseLLM

from orchestrator.adapters.runners.crewai import internals


def retry_in_one_place(crew: Crew, *others: object) -> None:
    """Have the crew's agents and models, and other models that are named, try once."""
    for agent in agents_of(crew):
        _agent_tries_once(agent)
    for model in models_of(crew, *others):
        _model_tries_once(model)


def agents_of(crew: Crew) -> Iterator[BaseAgent]:
    """The agents that may work in a crew; one may come several times."""
    yield from crew.agents
    yield from (task.agent for task in crew.tasks if task.agent)
    if crew.manager_agent:
        yield crew.manager_agent


def models_of(crew: Crew, *others: object) -> Iterable[BaseLLM]:
    """The models that a crew may ask, and others that are named, each once."""
    found = [*others, crew.manager_llm, crew.planning_llm, crew.chat_llm]
    for agent in agents_of(crew):
        found.append(getattr(agent, "llm", None))
        found.append(getattr(agent, "__dict__", {}).get("function_calling_llm"))
    return {id(model): model for model in found if isinstance(model, BaseLLM)}.values()


def _agent_tries_once(agent: BaseAgent) -> None:
    if isinstance(agent, Agent) and "max_retry_limit" not in agent.model_fields_set:
        agent.max_retry_limit = 0


def _model_tries_once(model: BaseLLM) -> None:
    """The model is the author's own object: it tries once in every crew of this process."""
    if "max_retries" not in type(model).model_fields or "max_retries" in model.model_fields_set:
        return
    setattr(model, "max_retries", 0)  # noqa: B010 - only some kinds of models have it
    model.model_fields_set.discard("max_retries")  # it is not the author who set it
    internals.clients_try_once(model)
