"""Two tasks for a real, small model behind a server; a person reads the first."""

from __future__ import annotations

import os

from crewai import LLM, Agent, Crew, Task


def crew() -> Crew:
    """Name an owl, then praise it."""
    llm = LLM(
        model="openai/smollm2",
        base_url=os.environ["SMALL_MODEL_URL"],
        api_key="none",
        max_tokens=32,
        temperature=0,
    )
    writer = Agent(role="Writer", goal="Write", backstory="You write.", llm=llm)
    name = Task(
        name="name",
        description="Name an owl from {place}.",
        expected_output="One sentence",
        agent=writer,
        human_input=True,
    )
    praise = Task(
        name="praise", description="Praise the owl.", expected_output="One sentence", agent=writer
    )
    return Crew(agents=[writer], tasks=[name, praise])
