"""Recruiting, led by a manager who delegates; another version plans first."""

from __future__ import annotations

from crewai import Agent, Crew, Process, Task

from projects.scripted import Scripted, final, use

DELEGATED = '{"task": "Find three people", "context": "for {position}", "coworker": "Researcher"}'
PLANS = """{"list_of_plans_per_task": [
    {"task_number": 1, "task": "find", "plan": " Ask around first."},
    {"task_number": 2, "task": "outreach", "plan": " Be brief."}]}"""
MANAGER = (
    Scripted()
    .rule("Observation: Researcher said", final("Ada, Grace and Edsger"))
    .rule("Find candidates", use("delegate_work_to_coworker", DELEGATED))
)


def _people() -> list[Agent]:
    return [
        Agent(role=role, goal="g", backstory="b", llm=Scripted())
        for role in ("Researcher", "Matcher", "Writer")
    ]


def _tasks(*who: Agent | None) -> list[Task]:
    return [
        Task(
            name="find",
            description="Find candidates for {position}.",
            expected_output="Names",
            agent=who[0],
        ),
        Task(
            name="outreach",
            description="Write to them.",
            expected_output="A letter",
            agent=who[1],
        ),
    ]


def managed() -> Crew:
    """CrewAI makes the manager."""
    return Crew(
        agents=_people(),
        tasks=_tasks(None, None),
        process=Process.hierarchical,
        manager_llm=MANAGER,
    )


def led() -> Crew:
    """The crew brings its manager."""
    lead = Agent(role="Lead", goal="Lead", backstory="b", llm=MANAGER, allow_delegation=True)
    return Crew(
        agents=_people(),
        tasks=_tasks(None, None),
        process=Process.hierarchical,
        manager_agent=lead,
    )


def planned() -> Crew:
    """A planner adds to each task."""
    people = _people()
    return Crew(
        agents=people,
        tasks=_tasks(people[0], people[2]),
        planning=True,
        planning_llm=Scripted().rule("list_of_plans_per_task", PLANS).rule("", PLANS),
    )
