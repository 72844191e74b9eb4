"""A researcher, a writer and an editor; a person has to approve what the writer wrote."""

from __future__ import annotations

from typing import ClassVar

from crewai import Agent, Crew, Process, Task
from crewai.project import CrewBase, agent, crew, task

from orchestrator.demo.model import model


@CrewBase
class ArticleCrew:
    """An ordinary CrewAI crew: nothing in it knows where it runs."""

    agents_config: ClassVar[dict[str, object]] = {}
    tasks_config: ClassVar[dict[str, object]] = {}

    @agent
    def researcher(self) -> Agent:
        """Finds facts."""
        return Agent(
            role="Researcher", goal="Find facts", backstory="You know where to look.", llm=model()
        )

    @agent
    def writer(self) -> Agent:
        """Writes the article."""
        return Agent(
            role="Writer", goal="Write well", backstory="You write for everybody.", llm=model()
        )

    @agent
    def editor(self) -> Agent:
        """Makes it ready to print."""
        return Agent(
            role="Editor", goal="Make it right", backstory="You read everything twice.", llm=model()
        )

    @task
    def research(self) -> Task:
        """The first task."""
        return Task(
            description="Collect facts about the topic '{topic}'.",
            expected_output="Three facts",
            agent=self.researcher(),
        )

    @task
    def write(self) -> Task:
        """The task that a person judges."""
        return Task(
            description="Write a short article about the topic '{topic}'.",
            expected_output="A short article",
            agent=self.writer(),
            human_input=True,
        )

    @task
    def edit(self) -> Task:
        """The last task."""
        return Task(
            description="Edit the article about the topic '{topic}'.",
            expected_output="The final article",
            agent=self.editor(),
        )

    @crew
    def crew(self) -> Crew:
        """The crew."""
        return Crew(agents=self.agents, tasks=self.tasks, process=Process.sequential)
