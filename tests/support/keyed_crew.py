"""A real CrewAI crew, the second of whose models is somebody's service and wants an API key."""

from __future__ import annotations

from crewai import LLM, Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from scripted_model import says


def _task(name: str, model: BaseLLM) -> Task:
    who = Agent(role=f"{name}er", goal=name, backstory="-", llm=model)
    return Task(name=name, description=f"{name} on {{topic}}", expected_output="text", agent=who)


def make() -> Crew:
    """The crew; OPENAI_API_KEY and OPENAI_BASE_URL lead its writer to a model."""
    tasks = [_task("research", says("notes")), _task("write", LLM(model="openai/gpt-4o-mini"))]
    return Crew(agents=[task.agent for task in tasks if task.agent], tasks=tasks)
