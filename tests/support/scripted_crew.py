"""A real CrewAI crew of three agents whose model answers by script; every task is reviewed."""

from __future__ import annotations

from typing import Any

from crewai import Agent, Crew, Task
from scripted_model import Scripted

WISHES = ("barn owls", "shorter")
"""Words of a reviewer that the model takes up where its prompt has them."""


def _answer(task: str) -> Scripted:
    def reply(prompt: str) -> str:
        taken_up = "".join(f" about {wish}" for wish in WISHES if wish in prompt)
        return f"Thought: I know\nFinal Answer: {task}{taken_up}"

    return Scripted(reply)


def _reviewed(name: str, **more: Any) -> Task:
    who = Agent(role=f"{name}er", goal=name, backstory="-", llm=_answer(name))
    description = f"{name} something about {{topic}}"
    return Task(
        name=name,
        description=description,
        expected_output="text",
        agent=who,
        human_input=True,
        **more,
    )


def make() -> Crew:
    """The crew, as a deployment names it."""
    tasks = [_reviewed("research"), _reviewed("write"), _reviewed("edit")]
    return Crew(agents=[task.agent for task in tasks if task.agent], tasks=tasks)
