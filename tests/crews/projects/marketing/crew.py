"""A campaign in five tasks: agents and tasks in YAML, outputs as JSON, contexts by name."""

from __future__ import annotations

from crewai import Agent, Crew, Process, Task
from crewai.project import CrewBase, agent, crew, task
from pydantic import BaseModel, Field

from projects.scripted import Scripted, final

LLM = (
    Scripted()
    .rule("Make a marketing strategy", final('{"name": "Owls first", "channels": ["radio"]}'))
    .rule("Think of one campaign", final('{"name": "Night shift", "audience": "owls"}'))
    .rule("Write the advertisement", final('{"title": "Awake?", "body": "So are we."}'))
)


class Strategy(BaseModel):
    """A strategy."""

    name: str = Field(..., description="What it is called")
    channels: list[str] = Field(..., description="Where it runs")


class Idea(BaseModel):
    """An idea."""

    name: str
    audience: str


class Copy(BaseModel):
    """An advertisement."""

    title: str
    body: str


@CrewBase
class MarketingCrew:
    """The whole crew."""

    agents_config = "config/agents.yaml"
    tasks_config = "config/tasks.yaml"

    @agent
    def analyst(self) -> Agent:
        return Agent(config=self.agents_config["analyst"], llm=LLM)

    @agent
    def strategist(self) -> Agent:
        return Agent(config=self.agents_config["strategist"], llm=LLM)

    @agent
    def copywriter(self) -> Agent:
        return Agent(config=self.agents_config["copywriter"], llm=LLM)

    @task
    def research(self) -> Task:
        return Task(config=self.tasks_config["research"])

    @task
    def understanding(self) -> Task:
        return Task(config=self.tasks_config["understanding"])

    @task
    def strategy(self) -> Task:
        return Task(config=self.tasks_config["strategy"], output_json=Strategy)

    @task
    def idea(self) -> Task:
        return Task(config=self.tasks_config["idea"], output_json=Idea)

    @task
    def copy_text(self) -> Task:
        return Task(config=self.tasks_config["copy_text"], output_json=Copy)

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks, process=Process.sequential)
