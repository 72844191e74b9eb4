"""A model that fails is asked once in each attempt: how often to try is the deployment's to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, TypeAlias

import pytest
from model_server import ModelServer

from orchestrator.errors import TaskFailed

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

Begin: TypeAlias = Callable[..., Any]
Prompts: TypeAlias = list[str]

FAILS = """
def fail(prompt): raise ConnectionError("model is away")
"""


def test_a_failing_model_is_called_once_an_attempt(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew(FAILS + "crew = Crew(agents=[], tasks=[job('x', person(Scripted(fail)))])")
    with pytest.raises(TaskFailed, match="ConnectionError: model is away"):
        running.task(0)
    assert len(prompts) == 1


def test_a_limit_of_retries_that_the_author_set_stays(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew(
        FAILS
        + """
who = person(Scripted(fail), max_retry_limit=1)
crew = Crew(agents=[who], tasks=[job("x", who)])
"""
    )
    with pytest.raises(TaskFailed):
        running.task(0)
    assert len(prompts) == 2


@pytest.fixture
def away() -> Iterator[ModelServer]:
    """A model that answers 503."""
    with ModelServer(503) as server:
        yield server


SERVED = """
from crewai import LLM
llm = LLM(model="openai/gpt-4o", base_url=inputs_url, api_key="k")
crew = Crew(agents=[], tasks=[job("x", person(llm))])
"""


def served(server: ModelServer, code: str = SERVED) -> str:
    """Code of a crew whose model is behind the server."""
    return code.replace("inputs_url", repr(server.url))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_model_that_is_away_gets_one_http_call_an_attempt(
    run_crew: Begin, away: ModelServer, status: int
) -> None:
    away.status = status
    running = run_crew(served(away))
    for _ in range(2):
        with pytest.raises(TaskFailed, match=f"{status}") as failed:
            running.task(0)
    assert len(away.requests) == 2
    assert failed.value.retryable


def test_a_limit_of_retries_that_the_author_set_on_the_model_stays(
    run_crew: Begin, away: ModelServer
) -> None:
    running = run_crew(served(away).replace("api_key=", "max_retries=1, api_key="))
    with pytest.raises(TaskFailed):
        running.task(0)
    assert len(away.requests) == 2


def test_a_manager_that_is_away_gets_one_http_call_an_attempt(
    run_crew: Begin, away: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", away.url)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    running = run_crew("""
        crew = Crew(
            agents=[person()],
            tasks=[job("one", None)],
            process=Process.hierarchical,
            manager_llm="openai/gpt-4o",
        )
    """)
    with pytest.raises(TaskFailed):
        running.task(0)
    assert len(away.requests) == 1


def test_a_planner_that_is_away_gets_one_http_call_an_attempt(
    run_crew: Begin, away: ModelServer
) -> None:
    planned = served(away).replace("person(llm))]", "person())], planning=True, planning_llm=llm")
    running = run_crew(planned)
    with pytest.raises(TaskFailed):
        running.task(0)
    assert len(away.requests) == 1
