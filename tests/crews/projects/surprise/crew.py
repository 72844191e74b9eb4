"""A journey as a pydantic model, with callbacks before and after the kickoff."""

from __future__ import annotations

from typing import Any

from crewai import Agent, Crew, Task
from crewai.crews.crew_output import CrewOutput
from crewai.project import CrewBase, after_kickoff, agent, before_kickoff, crew, task
from pydantic import BaseModel

from projects.scripted import Scripted, final

DAYS = '{"name": "Up all night", "days": [{"date": "1 May", "activities": ["owl"], "rating": 4.5}]}'
LLM = Scripted().rule("Compile the days", final(DAYS))


class Day(BaseModel):
    date: str
    activities: list[str]
    rating: float | None = None


class Itinerary(BaseModel):
    name: str
    days: list[Day]


@CrewBase
class SurpriseCrew:
    """The whole crew."""

    agents_config = "config/agents.yaml"
    tasks_config = "config/tasks.yaml"

    @before_kickoff
    def set_the_mood(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "mood": "playful" if inputs["age"] < 40 else "quiet"}

    @after_kickoff
    def sign(self, result: CrewOutput) -> CrewOutput:
        days = len(result.pydantic.days) if isinstance(result.pydantic, Itinerary) else 0
        result.raw = f"{days} day: {result.raw}"
        return result

    @agent
    def planner(self) -> Agent:
        return Agent(config=self.agents_config["planner"], llm=LLM)

    @agent
    def scout(self) -> Agent:
        return Agent(config=self.agents_config["scout"], llm=LLM)

    @agent
    def compiler(self) -> Agent:
        return Agent(config=self.agents_config["compiler"], llm=LLM)

    @task
    def activities(self) -> Task:
        return Task(config=self.tasks_config["activities"])

    @task
    def restaurants(self) -> Task:
        return Task(config=self.tasks_config["restaurants"])

    @task
    def itinerary(self) -> Task:
        return Task(config=self.tasks_config["itinerary"], output_pydantic=Itinerary)

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks)
