"""Preparing a meeting: two tasks side by side, each read by a person, joined by two more."""

from __future__ import annotations

from crewai import Agent, Crew, Task

from projects.scripted import Scripted


def _agent(role: str) -> Agent:
    return Agent(role=role, goal=f"Be a good {role}", backstory="b", llm=Scripted())


researcher, analyst, strategist, writer = map(
    _agent, ["Researcher", "Analyst", "Strategist", "Writer"]
)
research = Task(
    name="research",
    description="Look up {participants} before the meeting on {subject}.",
    expected_output="A report",
    agent=researcher,
    async_execution=True,
    human_input=True,
)
industry = Task(
    name="industry",
    description="Describe the industry around {subject}.",
    expected_output="An analysis",
    agent=analyst,
    async_execution=True,
    human_input=True,
)
strategy = Task(
    name="strategy",
    description="Find talking points on {subject}.",
    expected_output="Points",
    agent=strategist,
    context=[research, industry],
)
briefing = Task(
    name="briefing",
    description="Write the briefing for: {objective}.",
    expected_output="A briefing",
    agent=writer,
    context=[research, industry, strategy],
)
crew = Crew(
    agents=[researcher, analyst, strategist, writer],
    tasks=[research, industry, strategy, briefing],
)


def unread() -> Crew:
    """The same without a person."""
    without = [task.model_copy(update={"human_input": False}) for task in crew.tasks]
    for task in without[2:]:
        names = [earlier.name for earlier in task.context]
        task.context = [earlier for earlier in without if earlier.name in names]
    return Crew(agents=crew.agents, tasks=without)
