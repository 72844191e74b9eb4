"""Real crews and flows of CrewAI whose tasks and methods are renamed while people are asked."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest
from renamed_world import committed, deploys, migrations, open_review, state_of
from world import World, migrated, world_of

from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.domain.execution import ExecutionState

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

CREW = """
from crewai import Agent, Crew, Task
from crewai.tasks.conditional_task import ConditionalTask
from scripted_model import says

SEEN = []

def job(name, kind=Task, **more):
    who = Agent(role=name, goal="g", backstory="b", llm=says(f"by {name}"))
    return kind(name=name, description=f"To {name}.", expected_output="text", agent=who, **more)

def make(second, third):
    tasks = [job("research"), job(second, human_input=True)]
    last = {"kind": ConditionalTask, "condition": lambda seen: SEEN.append(seen.name) or True}
    tasks.append(job(third, context=tasks[:2], **last))
    return Crew(agents=[task.agent for task in tasks], tasks=tasks)

def before():
    return make("write", "publish")

def after():
    return make("draft", "print")
"""

FLOW = """
from crewai.flow.flow import Flow, listen, or_, start
from crewai.flow.human_feedback import human_feedback

HEARD = []

class Inner(Flow):
    @start()
    def outline(self):
        HEARD.append("inner")
        return "an outline"

class Before(Flow):
    @start()
    def outline(self):
        HEARD.append("outer")
        return Inner().kickoff()

    @listen(outline)
    @human_feedback(message="Good?")
    def write(self, text):
        return f"from {text}"

    @listen(write)
    @human_feedback(message="Sure?")
    def check(self, said):
        return said.output

    @listen(check)
    def publish(self, said):
        raise AssertionError("the code was changed before it came here")

class After(Flow):
    @start()
    def plan(self):
        raise AssertionError("it was committed under another name")

    @listen(plan)
    @human_feedback(message="Good?")
    def draft(self, text):
        raise AssertionError("it was asked about under another name")

    @listen(draft)
    @human_feedback(message="Sure?")
    def check(self, said):
        raise AssertionError("it was asked about")

    @listen(check)
    def publish(self, said):
        HEARD.extend((each.method_name, each.feedback) for each in self.human_feedback_history)
        return said.output

After.__name__ = "Before"
"""


@pytest.fixture
def begun(
    tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., World]]:
    """Makes a world with code that stands in a module of its own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    worlds: list[World] = []

    def make(code: str, name: str, *, flows: bool = False) -> World:
        module = f"renamed_{'flow' if flows else 'crew'}_of_crewai"
        (tmp_path / f"{module}.py").write_text(dedent(code))
        runner = CrewaiRunner(storage, flows=flows)
        url = f"sqlite:///{migrated(tmp_path)}"
        worlds.append(world_of(url, runner, target=f"{module}:{name}"))
        return worlds[-1]

    yield make
    for world in worlds:
        world.ports.store.dispose()


def test_a_crew_goes_on_under_the_new_names(begun: Callable[..., World]) -> None:
    world = begun(CREW, "before")
    execution_id = world.halted()
    deploys(world, "renamed_crew_of_crewai:after", {"write": "draft", "publish": "print"})
    world.answer(execution_id, "draft", approve=True, words="Mind the title")
    world.work()

    assert state_of(world, execution_id) is ExecutionState.SUCCEEDED
    assert committed(world, execution_id) == ["research", "draft", "print"]
    assert importlib.import_module("renamed_crew_of_crewai").SEEN == ["draft"]
    prompt = importlib.import_module("scripted_model").PROMPTS[-1]
    assert "by write" in prompt
    assert "by research" in prompt
    assert "on the task 'draft' (round 1, approved):\nMind the title" in prompt
    assert len(migrations(world, execution_id)) == 1


def test_a_flow_goes_on_under_the_new_names(begun: Callable[..., World]) -> None:
    world = begun(FLOW, "Before", flows=True)
    execution_id = world.halted()
    world.say(execution_id, "write", human_feedback="Go")
    world.work()
    assert open_review(world, execution_id).path == "check#1"
    deploys(world, "renamed_flow_of_crewai:After", {"outline": "plan", "write": "draft"})
    world.say(execution_id, "check", human_feedback="Yes")
    world.work()

    assert state_of(world, execution_id) is ExecutionState.SUCCEEDED
    assert committed(world, execution_id) == [
        *["plan#1/flow:Inner~1/outline#1", "plan#1", "draft#1", "check#1", "publish#1"]
    ]
    code = importlib.import_module("renamed_flow_of_crewai")
    assert code.HEARD == ["outer", "inner", ("draft", "Go"), ("check", "Yes")]
    assert len(migrations(world, execution_id)) == 1
