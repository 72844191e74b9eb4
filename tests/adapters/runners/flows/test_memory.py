"""Memories of flows and crews: their files are opened by whoever uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from flow_world import FlowExecution

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import Output
from orchestrator.ports import Ended

Begin: TypeAlias = Callable[..., FlowExecution]

MEMORY = """
from crewai.memory.unified_memory import Memory

def embed(texts):
    return [[0.1, float(len(text))] for text in texts]
"""


def test_a_flow_that_remembers_nothing_opens_no_memory(flow: Begin, quiet: Path) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            def a(self):
                return type(self.memory).__name__
    """)
    execution.deployment = renamed(execution, "forgetful")
    assert ended(execution).raw == "Memory"
    assert not (quiet / "forgetful").exists()


def test_what_one_execution_remembers_the_next_recalls(flow: Begin, quiet: Path) -> None:
    code = (
        MEMORY
        + """
class F(Flow):
    @start()
    def a(self):
        self.memory.embedder = embed
        self.memory._embedder_instance = embed
        known = [each.record.content for each in self.recall("tea", depth="shallow")]
        self.remember("Tea is late", scope="/", categories=[], importance=0.5)
        return known
"""
    )
    found = []
    for _ in range(2):
        execution = flow(code)
        execution.deployment = renamed(execution, "mindful")
        found.append(ended(execution).json)
    assert found == [[], ["Tea is late"]]
    assert (quiet / "mindful" / "memory").is_dir()


def test_a_storage_that_the_author_names_is_opened_as_crewai_does(
    flow: Begin, tmp_path: Path
) -> None:
    execution = flow(
        MEMORY
        + f"""
class F(Flow):
    @start()
    def a(self):
        return type(Memory(storage={str(tmp_path / "own")!r})._storage).__name__
"""
    )
    assert ended(execution).raw == "LanceDBStorage"


def renamed(execution: FlowExecution, name: str) -> Deployment:
    """The deployment under another name, which has a folder of its own."""
    return replace(execution.deployment, name=name)


def ended(execution: FlowExecution) -> Output:
    result = execution.run()
    assert isinstance(result, Ended)
    return result.output
