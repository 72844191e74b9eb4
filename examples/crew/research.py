"""An ordinary CrewAI crew of two tasks. A person judges what the second one wrote."""

from __future__ import annotations

from crewai import Agent, Crew, Task
from scripted_answers import Scripted

MODEL = Scripted(model="scripted")


def crew() -> Crew:
    """What the deployment file names. It is called once in each worker process."""
    researcher = Agent(role="Researcher", goal="Find facts", backstory="Knows books.", llm=MODEL)
    writer = Agent(role="Writer", goal="Write well", backstory="Writes for all.", llm=MODEL)
    research = Task(
        name="research",
        description="Collect facts about {topic}.",
        expected_output="Three facts",
        agent=researcher,
    )
    write = Task(
        name="write",
        description="Write a short article about {topic}.",
        expected_output="A short article",
        agent=writer,
        human_input=True,
    )
    return Crew(agents=[researcher, writer], tasks=[research, write])
