"""A screenplay of a discussion, unless that is spam: conditional tasks, a guardrail, a file."""

from typing import Any

from crewai import Agent, Crew, Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput

from projects.scripted import Scripted, final

DONE: list[str] = []
"""What the task callbacks were told."""

LLM = (
    Scripted()
    .rule("BUY NOW", final("STOP"))
    .rule("no stage directions", final("KEITH: Revenge is petty."))
    .rule("Format the dialogue", final("KEITH (smiling): Revenge is petty."))
)


def is_wanted(output: TaskOutput) -> bool:
    """Whether the filter let it through."""
    return "STOP" not in output.raw and bool(output.raw)


def plain(output: TaskOutput) -> tuple[bool, Any]:
    """Refuse stage directions."""
    if "(" in output.raw:
        return False, "no stage directions"
    return True, output.raw.strip()


def crew() -> Crew:
    """Filter, analyse, write, format."""
    roles = ["Filter", "Analyst", "Author", "Formatter"]
    agents = [Agent(role=role, goal="g", backstory="b", llm=LLM) for role in roles]
    keep = Task(
        name="filter",
        description="Read this discussion: {discussion}",
        expected_output="STOP or a summary",
        agent=agents[0],
        callback=lambda output: DONE.append(output.raw),
    )
    analyse = ConditionalTask(
        name="analyse",
        description="Who argues what about {topic}?",
        expected_output="Positions",
        agent=agents[1],
        condition=is_wanted,
    )
    write = ConditionalTask(
        name="write",
        description="Make a dialogue of it.",
        expected_output="A dialogue",
        agent=agents[2],
        condition=is_wanted,
        context=[keep, analyse],
    )
    form = Task(
        name="format",
        description="Format the dialogue.",
        expected_output="A screenplay",
        agent=agents[3],
        context=[analyse, write],
        guardrail=plain,
        output_file="out/{topic}.txt",
    )
    return Crew(
        agents=agents,
        tasks=[keep, analyse, write, form],
        task_callback=lambda output: DONE.append(output.agent),
    )
