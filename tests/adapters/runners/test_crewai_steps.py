"""What is told of a crew while it runs, and how a run ends whose work is in vain."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeAlias

import pytest
from model_server import ModelServer

from orchestrator.domain.canonical import encode
from orchestrator.errors import ClaimLost
from orchestrator.ports import AgentStep

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

Begin: TypeAlias = Callable[..., Any]
Prompts: TypeAlias = list[str]

ADDER = """
@tool("adder")
def adder(a: int) -> str:
    "Adds one."
    ADDED.append(a)
    return str(a + 1)

ADDED = []
"""
TOOLED = (
    ADDER
    + """
def reply(prompt):
    if "Observation: 3" in prompt:
        return "Thought: done\\nFinal Answer: three"
    return 'Thought: add\\nAction: adder\\nAction Input: {"a": 2}'

SEEN = []
who = person(Scripted(reply), tools=[adder], step_callback=SEEN.append)
crew = Crew(agents=[who], tasks=[job("add {topic}", who)])
"""
)
BY_FUNCTIONS = (
    ADDER
    + """
from crewai import LLM
who = person(LLM(model="openai/gpt-4o", base_url=URL, api_key="k"), tools=[adder])
crew = Crew(agents=[who], tasks=[job("add {topic}", who)])
"""
)


def test_a_step_tells_of_the_thought_and_the_tool(run_crew: Begin) -> None:
    running = run_crew(TOOLED, topic="one")
    assert running.all() == ["three"]
    assert running.told.steps == [AgentStep("add one", "Thought: add", "adder", '{"a": 2}', "3")]


def test_the_authors_own_step_callback_is_called_as_in_a_kickoff(run_crew: Begin) -> None:
    run_crew(TOOLED, topic="one").all()
    seen = sys.modules["users_code"].SEEN
    ours = [type(each).__name__ for each in seen]
    sys.modules["users_code"].crew.kickoff(inputs={"topic": "one"})
    assert [type(each).__name__ for each in seen] == ours * 2


def test_a_step_tells_of_a_tool_that_the_model_calls_by_function(run_crew: Begin) -> None:
    with ModelServer() as server:
        running = run_crew(BY_FUNCTIONS.replace("URL", repr(server.url)), topic="one")
        assert running.all() == ["an answer"]
    assert running.told.steps == [
        AgentStep("add one", tool="adder", tool_input='{"a": 2}', result="3"),
        AgentStep("add one", result="an answer"),
    ]


def test_a_step_tells_of_a_tool_that_failed(run_crew: Begin) -> None:
    with ModelServer() as server:
        code = BY_FUNCTIONS.replace("URL", repr(server.url)).replace("a + 1", "a / 0")
        running = run_crew(code, topic="one")
        running.all()
    assert "division by zero" in running.told.steps[0].result


def test_a_tool_whose_result_is_the_answer_is_told_before_it(run_crew: Begin) -> None:
    running = run_crew(TOOLED.replace('@tool("adder")', '@tool("adder", result_as_answer=True)'))
    assert running.all() == ["3"]
    assert [(step.tool, step.result) for step in running.told.steps] == [("adder", "3"), ("", "3")]


def test_a_lost_claim_ends_the_run_before_its_next_tool(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew(TOOLED, topic="one")
    running.told.stop_at("tool_usage_started")
    with pytest.raises(ClaimLost):
        running.task(0)
    assert len(prompts) == 1


def test_a_lost_claim_ends_an_endless_loop_of_tools(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew(TOOLED.replace('"Observation: 3" in prompt', "False"), topic="one")
    running.told.stop_at("tool_usage_finished")
    with pytest.raises(ClaimLost):
        running.task(0)
    assert (len(prompts), sys.modules["users_code"].ADDED) == (1, [2])


def test_a_lost_claim_ends_a_run_whose_model_calls_functions(run_crew: Begin) -> None:
    with ModelServer() as server:
        running = run_crew(BY_FUNCTIONS.replace("URL", repr(server.url)), topic="one")
        running.told.stop_at("tool_usage_finished")
        with pytest.raises(ClaimLost):
            running.task(0)
    assert len(server.requests) == 1


def test_events_have_crewais_names_and_plain_data(run_crew: Begin) -> None:
    running = run_crew(TOOLED, topic="one")
    running.all()
    kinds = [kind for kind, _ in running.told.events]
    assert kinds[:2] == ["crew_kickoff_started", "task_started"]
    assert "tool_usage_finished" in kinds
    assert all(encode(data) for _, data in running.told.events)


def test_the_kickoff_is_told_once(run_crew: Begin) -> None:
    running = run_crew("""
        who = person()
        crew = Crew(agents=[who], tasks=[job("one", who), job("two", who)])
    """)
    running.all()
    kinds = [kind for kind, _ in running.told.events]
    assert kinds.count("crew_kickoff_started") == 1
    assert kinds.count("task_completed") == 2
