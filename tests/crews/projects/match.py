"""Matching a CV to positions: knowledge and memory, with an embedder of the crew's own."""

from __future__ import annotations

from typing import Any

import numpy as np
from chromadb import EmbeddingFunction
from crewai import Agent, Crew, Task
from crewai.knowledge.source.string_knowledge_source import StringKnowledgeSource
from crewai.memory.unified_memory import Memory
from crewai.rag.embeddings.providers.custom.embedding_callable import CustomEmbeddingFunction

from projects.scripted import Scripted, final

WORDS = ("welder", "baker", "pilot", "owl")


class ByWords(CustomEmbeddingFunction, EmbeddingFunction[Any]):
    """Embeds a text by the few words that matter here."""

    def __init__(self) -> None: ...

    def __call__(self, input: Any) -> Any:  # noqa: A002 - CrewAI's name
        rows = [[0.1, *(float(text.lower().count(word)) for word in WORDS)] for text in input]
        return [np.array(row, dtype=np.float32) for row in rows]

    @staticmethod
    def name() -> str:
        return "by-words"


TRADE = "first"
"""Whose pilot is known."""
LLM = Scripted().rule("an owl", final("Position 17"))
EMBEDDER = {"provider": "custom", "config": {"embedding_callable": ByWords}}


def informed() -> Crew:
    """A crew that looks into what it was given to know."""
    reader = Agent(role="Reader", goal="g", backstory="b", llm=LLM)
    jobs = StringKnowledgeSource(content="Position 17: a pilot for night flights, with an owl.")
    return Crew(
        agents=[reader],
        tasks=[
            Task(description="Which job fits a {trade}?", expected_output="A job", agent=reader),
            Task(description="Write to the {trade}.", expected_output="A letter", agent=reader),
        ],
        knowledge_sources=[jobs],
        embedder=EMBEDDER,
    )


def remembering() -> Crew:
    """A crew that keeps what its tasks found for the tasks and executions to come."""
    reader = Agent(role="Reader", goal="g", backstory="b", llm=Scripted())
    return Crew(
        agents=[reader],
        tasks=[
            Task(description="Read the CV of the {trade}.", expected_output="x", agent=reader),
            Task(description="Recall the {trade}.", expected_output="x", agent=reader, context=[]),
        ],
        memory=Memory(llm=Scripted(), embedder=ByWords()),
    )


def both() -> Crew:
    """Memory and knowledge where CrewAI puts them."""
    reader = Agent(role="Reader", goal="g", backstory="b", llm=Scripted())
    return Crew(
        agents=[reader],
        tasks=[Task(description="Read.", expected_output="x", agent=reader)],
        knowledge_sources=[StringKnowledgeSource(content=f"The {TRADE} pilot")],
        embedder=EMBEDDER,
        memory=True,
    )
