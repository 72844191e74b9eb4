"""A trip: a function makes the crew; its agents share one model and have tools of two kinds."""

from __future__ import annotations

from collections.abc import Callable

from crewai import Agent, Crew, Task
from crewai.tools import BaseTool, tool

from projects.scripted import Scripted, use


@tool("search")
def search(question: str) -> str:
    """Look something up."""
    return f"Much is known about {question}."


class Calculator(BaseTool):
    """Adds up prices."""

    name: str = "calculator"
    description: str = "Adds two numbers"

    def _run(self, a: int, b: int) -> str:
        return str(a + b)


class Looked:
    """How often the tool was used that looks for ever, and what happens meanwhile."""

    def __init__(self) -> None:
        self.times = 0
        self.meanwhile: Callable[[], object] = int


LOOKED = Looked()


@tool("look")
def look(where: str) -> str:
    """Look whether the bus comes."""
    LOOKED.times += 1
    LOOKED.meanwhile()
    return f"Nothing {where} yet."


def looking_for_ever() -> Crew:
    """A crew that does not end by itself."""
    llm = Scripted().rule("", use("look", '{"where": "there"}'))
    waiting = Agent(role="Waiting", goal="g", backstory="b", llm=llm, tools=[look])
    return Crew(
        agents=[waiting],
        tasks=[Task(description="Wait for the bus.", expected_output="x", agent=waiting)],
    )


def make_crew() -> Crew:
    """Choose a city, learn about it, plan the days."""
    llm = (
        Scripted()
        .rule("Observation: Much is known", "Thought: enough\nFinal Answer: Lisbon")
        .rule("Observation: 550", "Thought: it adds up\nFinal Answer: 550 in all")
        .rule("Choose a city", use("search", '{"question": "the weather in {cities}"}'))
        .rule("Plan seven days", use("calculator", '{"a": 400, "b": 150}'))
    )
    chooser = Agent(role="Chooser", goal="Choose well", backstory="b", llm=llm, tools=[search])
    local = Agent(role="Local", goal="Know all", backstory="b", llm=llm, tools=[search])
    concierge = Agent(role="Concierge", goal="Plan", backstory="b", llm=llm, tools=[Calculator()])
    tasks = [
        Task(
            description="Choose a city of {cities} for {range}, from {origin}.",
            expected_output="One city",
            agent=chooser,
        ),
        Task(
            description="Tell of the city to somebody who likes {interests}.",
            expected_output="A guide",
            agent=local,
        ),
        Task(
            description="Plan seven days there, with the budget.",
            expected_output="A plan",
            agent=concierge,
        ),
    ]
    return Crew(agents=[chooser, local, concierge], tasks=tasks)
