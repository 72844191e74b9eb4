"""What a crew brings along, and what a person and a webhook see of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from model_server import ModelServer

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.permission import Scope
from orchestrator.domain.plan import TaskKind
from orchestrator.ports import Runner
from orchestrator.usecases.executions.stop import stop

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

Deployed: TypeAlias = Callable[..., Any]
Native: TypeAlias = Callable[..., Any]
Prompts: TypeAlias = list[str]

MEETING = {"participants": "Ada", "subject": "owls", "objective": "peace"}
TRIP = {"cities": "Lisbon", "range": "May", "origin": "Oslo", "interests": "owls"}


def test_callbacks_are_called_as_in_crewai(deployed: Deployed, native: Native) -> None:
    about = {"discussion": "Is revenge petty?", "topic": "revenge"}
    done = import_module("projects.screenplay").DONE
    done.clear()
    deployed("screenplay:crew").finished(**about)
    ours = done.copy()
    native("screenplay:crew", **about)
    assert ours[1:] == ["Filter", "Analyst", "Author", "Formatter"]
    assert done == ours * 2


def test_a_guardrail_is_kept_and_its_result_written(deployed: Deployed, tmp_path: Path) -> None:
    world = deployed("screenplay:crew")
    world.finished(discussion="Is revenge petty?", topic="revenge")
    assert (tmp_path / "out/revenge.txt").read_text() == "KEITH: Revenge is petty."


def test_a_condition_that_does_not_hold_skips_the_task(deployed: Deployed) -> None:
    world = deployed("screenplay:crew")
    ended = world.finished(discussion="BUY NOW", topic="soap")
    assert [raw for raw, _ in ended.tasks[:3]] == ["STOP", "", ""]
    assert ended.usage == 45  # the filter, and the formatter twice


def test_knowledge_reaches_the_prompts(deployed: Deployed, prompts: Prompts) -> None:
    ended = deployed("match:informed").finished(trade="pilot")
    asked = [prompt for prompt in prompts if "Current Task" in prompt and "rewrite" not in prompt]
    assert all("Position 17" in prompt for prompt in asked)
    assert len(asked) == 2
    assert ended.raw == "Position 17"


def test_memory_reaches_later_tasks_and_executions(deployed: Deployed, prompts: Prompts) -> None:
    world = deployed("match:remembering")
    first = world.finished(trade="welder")
    prompts.clear()
    world.finished(trade="welder")
    assert any(first.tasks[0][0] in prompt for prompt in prompts if "Read the CV" in prompt)


def test_what_a_memory_asks_a_model_is_counted(deployed: Deployed, prompts: Prompts) -> None:
    ended = deployed("match:remembering").finished(trade="welder")
    assert ended.usage == 15 * len(prompts)


def test_deployments_share_neither_knowledge_nor_memory(runner: Runner, tmp_path: Path) -> None:
    module = import_module("projects.match")
    found = []
    for name in ("one", "other"):
        deployment = Deployment(name, RunnerKind.CREWAI, "projects.match:both")
        module.TRADE = name
        crew = runner._crews._built.of(deployment)  # as it is before its first run
        crew._memory.remember(f"The {name} welder", scope="/", categories=[], importance=0.5)
        recalled = crew._memory.recall("welder", depth="shallow")
        known = crew.query_knowledge(["pilot"], score_threshold=0.1)
        found.append([[each.record.content for each in recalled], [k["content"] for k in known]])
    assert found == [[[f"The {n} welder"], [f"The {n} pilot"]] for n in ("one", "other")]


def test_tokens_of_agents_that_share_a_model_are_counted_once(
    deployed: Deployed, prompts: Prompts
) -> None:
    world = deployed("surprise.crew:SurpriseCrew")
    execution_id = world.halted(inputs={"destination": "Lisbon", "age": 31})
    runs = world.snapshot(execution_id).runs
    kinds = [run.task_name for run in runs if (run.usage or {}).get("total_tokens")]
    assert kinds == ["activities", "restaurants", "itinerary"]
    assert world.result(execution_id).usage == 15 * len(prompts) == 45


def test_parallel_tasks_are_reviewed_each_on_its_own(deployed: Deployed, prompts: Prompts) -> None:
    world = deployed("meeting:crew")
    execution_id = world.halted(inputs=MEETING)
    open_reviews = [pending.review.task_name for pending in world.snapshot(execution_id).pending]
    assert sorted(open_reviews) == ["industry", "research"]
    world.answer(execution_id, "industry", approve=True, words="mind the mice")
    world.work()
    assert [p.review.task_name for p in world.snapshot(execution_id).pending] == ["research"]
    world.answer(execution_id, "research", approve=False, words="who is Ada?")
    world.work()
    assert "who is Ada?" in prompts[-1]
    assert "Analyst said" not in prompts[-1]
    world.answer(execution_id, "research", approve=True)
    world.work()
    assert all("mind the mice" in prompt and "who is Ada?" in prompt for prompt in prompts[-2:])
    assert world.result(execution_id).raw.startswith("Writer said")


def test_an_edited_output_takes_the_place_of_the_models(
    deployed: Deployed, prompts: Prompts
) -> None:
    world = deployed("meeting:crew")
    execution_id = world.halted(inputs=MEETING)
    world.answer(execution_id, "industry", approve=True)
    world.edit(execution_id, "research", "Ada keeps owls.")
    world.work()
    assert all("Ada keeps owls." in prompt for prompt in prompts[-2:])
    assert not any("Researcher said" in prompt for prompt in prompts)


def test_callbacks_and_the_planner_run_once_whatever_is_tried_again(
    deployed: Deployed, prompts: Prompts
) -> None:
    world = deployed("recruitment:planned")
    execution_id = world.halted(inputs={"position": "owl keeper"})
    planned = [task.kind for task in world.snapshot(execution_id).plan.tasks]
    assert planned == [TaskKind.PLANNING, TaskKind.TASK, TaskKind.TASK]
    assert ["Ask around first." in prompt for prompt in prompts] == [False, True, False]


def test_step_webhooks_tell_of_every_tool(deployed: Deployed) -> None:
    world = deployed("trip:make_crew")
    hook = "https://93.184.216.34/step"
    execution_id = world.halted(inputs=TRIP, stepWebhookUrl=hook)
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    steps = [json.loads(delivery.body) for delivery in deliveries]
    told = [(s["task_id"], s["tool"], s["tool_input"], s["result"]) for s in steps]
    assert told == [
        (
            "task-1",
            "search",
            '{"question": "the weather in {cities}"}',
            "Much is known about the weather in {cities}.",
        ),
        ("task-3", "calculator", '{"a": 400, "b": 150}', "550"),
    ]
    assert steps[0]["prompt"] == "Choose a city of Lisbon for May, from Oslo."
    assert steps[0]["thought"].endswith("I need search")


def test_a_stopped_crew_ends_at_its_next_step(deployed: Deployed, prompts: Prompts) -> None:
    world = deployed("trip:looking_for_ever")
    execution_id = world.kickoff(inputs=TRIP)
    looked = import_module("projects.trip").LOOKED
    looked.meanwhile = lambda: stop(world.ports, Scope.of("crew"), execution_id, "tests")
    world.work()
    assert (looked.times, len(prompts)) == (1, 1)
    assert world.snapshot(execution_id).execution.state == "STOPPED"


def test_a_model_that_is_away_gets_as_many_http_calls_as_attempts(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(503) as away:
        monkeypatch.setenv("SMALL_MODEL_URL", away.url)
        world = deployed("small:crew", max_attempts=3)
        execution_id = world.kickoff(inputs={"place": "Lisbon"})
        for job in world.jobs * 5:
            world.hurry()
            world.run(job)
    assert len(away.requests) == 3
    assert world.snapshot(execution_id).execution.state == "FAILED"
