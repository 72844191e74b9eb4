"""CrewAI asks on the terminal here and there: a worker has none, and nobody has agreed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from textwrap import dedent
from typing import Any, TypeAlias

import pytest

from orchestrator.errors import TaskFailed

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

Begin: TypeAlias = Callable[..., Any]

CLERK = """
from crewai import Flow
from crewai.flow import human_feedback, start
from crewai.hooks import register_before_llm_call_hook, register_before_tool_call_hook

DONE = []

@tool("do")
def do(what: str) -> str:
    "Does something."
    DONE.append(what)
    return "did " + str(help(what))

def help(what):
    return what

def reply(prompt):
    if "Observation: did " in prompt:
        return "Thought: done\\nFinal Answer: done"
    return 'Thought: do\\nAction: do\\nAction Input: {"what": "it"}'

who = person(Scripted(reply), tools=[do])
crew = Crew(agents=[who], tasks=[job("do it", who)])
"""
HOOK = """
def allowed(context):
    return context.request_human_input("Shall it be done?") == "yes"

register_before_{}_call_hook(allowed)
"""
HELPS = {
    "human_input=True": """
        def help(what):
            asked = job("help", person(), human_input=True)
            return Crew(agents=[asked.agent], tasks=[asked]).kickoff().raw
    """,
    "@human_feedback": """
        class Helps(Flow):
            @start()
            @human_feedback(message="Good?")
            def helps(self):
                return "help"

        def help(what):
            return Helps().kickoff()
    """,
    "ask()": """
        class Helps(Flow):
            @start()
            def helps(self):
                return self.ask("How?")

        def help(what):
            return Helps().kickoff()
    """,
}


@pytest.fixture(autouse=True)
def _no_hooks() -> Iterator[None]:
    yield
    import_module("crewai.hooks.dispatch").clear_all()


def failed(running: Any) -> TaskFailed:
    with pytest.raises(TaskFailed) as failure:
        running.task(0)
    return failure.value


@pytest.mark.parametrize(("call", "asked"), [("tool", 1), ("llm", 0)])
def test_what_a_hook_asks_about_is_not_done_unasked(
    run_crew: Begin, prompts: list[str], call: str, asked: int
) -> None:
    failure = failed(run_crew(CLERK + HOOK.format(call)))
    assert sys.modules["users_code"].DONE == []
    assert len(prompts) == asked
    assert "'Shall it be done?'" in str(failure)
    assert ("tool_approval" in str(failure), failure.retryable) == (True, False)


@pytest.mark.parametrize("asks", HELPS)
def test_who_asks_inside_a_crews_tool_is_told_that_nobody_can_be_asked(
    run_crew: Begin, asks: str
) -> None:
    failure = failed(run_crew(CLERK + dedent(HELPS[asks])))
    assert sys.modules["users_code"].DONE == ["it"]
    assert (asks in str(failure), failure.retryable) == (True, False)


def test_a_tool_that_reads_standard_input_ends_its_task(run_crew: Begin) -> None:
    types = """
        def help(what):
            return input("How? ")
    """
    failure = failed(run_crew(CLERK + dedent(types)))
    assert sys.modules["users_code"].DONE == ["it"]
    assert ("input()" in str(failure), failure.retryable) == (True, False)
