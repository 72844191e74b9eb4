"""Flows whose methods are drafted by crews, until a person likes what came of it."""

from __future__ import annotations

from crewai import Agent, Crew, Task
from crewai.flow import Flow, and_, human_feedback, listen, or_, start

from projects.scripted import Scripted


def crew(*roles: str, human_input: bool = False) -> Crew:
    """A task for each role, which costs one call of a model."""
    tasks = [
        Task(
            description=f"Say something, {role}",
            expected_output="text",
            name=role,
            human_input=human_input,
            agent=Agent(role=role, goal="say it", backstory="b", llm=Scripted()),
        )
        for role in roles
    ]
    return Crew(agents=[task.agent for task in tasks], tasks=tasks)


class ColumnFlow(Flow):
    """What a person judges costs a model more each time; another one looks for facts beside it."""

    @start()
    def facts(self) -> str:
        return crew("finder").kickoff().raw

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(or_(begin, "revise"))
    @human_feedback(message="Good?", emit=["accept", "revise"])
    def draft(self) -> str:
        self.state["drafts"] = self.state.get("drafts", 0) + 1
        return crew("writer", *("editor", "lawyer", "poet")[: self.state["drafts"]]).kickoff().raw

    @listen(and_("accept", facts))
    def publish(self) -> str:
        return "published"


class JudgedFlow(Flow):
    """A crew inside a method has a task that a person judges."""

    @start()
    def letter(self) -> str:
        return crew("clerk", human_input=True).kickoff().raw
