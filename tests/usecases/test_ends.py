"""What is written and told as a task of a crew ends, and as its execution does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from world import World

from orchestrator.domain.canonical import decode
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.errors import CannotStop, UnknownExecution
from orchestrator.ports import Ended
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop

Make = Callable[..., World]
HOOK = "https://hooks.example.com/told"


def told(world: World, execution_id: str, kind: WebhookKind) -> list[Any]:
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    return [decode(each.body) for each in deliveries if each.kind == kind.value]


def test_a_task_is_told_with_its_output_and_the_time_that_it_took(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.halted(taskWebhookUrl=HOOK)
    (run,) = world.snapshot(execution_id).runs
    (body,) = told(world, execution_id, WebhookKind.TASK)
    assert run.execution_time is not None
    assert 0 <= run.execution_time < 60
    assert (body["output"], body["execution_time"]) == ("write, round 1", run.execution_time)
    (checkpoint,) = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))
    assert checkpoint.seconds == run.execution_time


def test_every_checkpoint_has_a_tasks_whole_name(a_world: Make) -> None:
    world = a_world("sales/week#3?")
    execution_id = world.halted()
    world.answer(execution_id, "sales/week#3", approve=True)
    found = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))
    assert [(each.cause, each.name) for each in found] == [
        (cause, "sales/week#3") for cause in (Cause.ASK, Cause.ANSWER, Cause.COMMIT)
    ]


def test_only_a_crews_own_tasks_are_told(a_world: Make) -> None:
    world = a_world("write")
    kinds = {"prepare": TaskKind.BEFORE_KICKOFF, "write": TaskKind.TASK}
    kinds["tidy"] = TaskKind.AFTER_KICKOFF
    world.loads(Plan(tuple(PlannedTask(name, kind) for name, kind in kinds.items())))
    execution_id = world.halted(taskWebhookUrl=HOOK)
    assert [each.path for each in world.snapshot(execution_id).runs] == list(kinds)
    assert [each["name"] for each in told(world, execution_id, WebhookKind.TASK)] == ["write"]


def test_the_end_is_told_with_the_result_and_what_all_tasks_cost(a_world: Make) -> None:
    world = a_world("research", "write")
    world.runner.usage |= {"cached_prompt_tokens": 3}
    execution_id = world.halted(crewWebhookUrl=HOOK)
    (body,) = told(world, execution_id, WebhookKind.CREW)
    assert (body["result"], body["token_usage"]) == (
        "write, round 1",
        {
            "total_tokens": 30,
            "prompt_tokens": 20,
            "completion_tokens": 10,
            "cached_prompt_tokens": 6,
        },
    )


def test_what_called_no_model_cost_no_tokens(a_world: Make) -> None:
    world = a_world("write")
    world.runner.run = lambda *_: Ended(Output("copied"), {})
    usage = world.snapshot(world.halted()).usage
    assert usage == {"total_tokens": 0, "prompt_tokens": 0, "completion_tokens": 0}


def test_each_event_names_its_execution_and_its_place_among_the_others(a_world: Make) -> None:
    world = a_world("write", "edit")
    hooks = {"taskWebhookUrl": HOOK, "crewWebhookUrl": HOOK}
    execution_id = world.halted(meta={"who": "me"}, **hooks)
    found = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    assert [(each.kind, each.sequence) for each in found] == [("task", 1), ("task", 2), ("crew", 3)]
    for each in found:
        body = decode(each.body)
        said = (body["kickoff_id"], body["meta"], body["sequence"])
        assert said == (execution_id, {"who": "me"}, each.sequence)


def test_the_timeline_tells_of_each_event_what_it_is(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.halted(taskWebhookUrl=HOOK, crewWebhookUrl=HOOK)
    found = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    lines = timeline(world.ports, execution_id)[1]
    assert [
        (each.subject_id, each.details) for each in lines if each.event == "delivery.create"
    ] == [(each.id, {"kind": each.kind, "sequence": each.sequence}) for each in found]


def test_an_event_is_new_and_looked_after_in_a_minute(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.halted(taskWebhookUrl=HOOK)
    (told_once,) = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    assert told_once.version == 1
    assert told_once.wake_at - told_once.published_at == timedelta(minutes=1)


def test_a_stop_is_told_as_the_end_and_with_what_was_spent_till_then(a_world: Make) -> None:
    world = a_world("research", "write?")
    execution_id = world.halted(crewWebhookUrl=HOOK)
    stop(world.ports, EVERYWHERE, execution_id, "ann")
    (body,) = told(world, execution_id, WebhookKind.CREW)
    assert (body["status"], body["result"]) == ("stopped", "")
    assert body["token_usage"]["total_tokens"] == 30
    lines = timeline(world.ports, execution_id)[1]
    (stopped,) = (each for each in lines if each.event == "execution.stop")
    assert (stopped.subject_id, stopped.actor) == (execution_id, "ann")


def test_a_stop_that_comes_too_late_is_told_how_it_ended(a_world: Make) -> None:
    world = a_world("write", max_attempts=1)
    succeeded = world.halted()
    world.runner.behaviour = ValueError("no ink")
    failed = world.halted()
    for execution_id, word in ((succeeded, "SUCCESS"), (failed, "FAILURE")):
        with pytest.raises(CannotStop) as refused:
            stop(world.ports, EVERYWHERE, execution_id, "ann")
        assert refused.value.state == word


def test_nobody_stops_what_they_may_not_see(a_world: Make) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    with pytest.raises(UnknownExecution):
        stop(world.ports, Scope.of("other"), execution_id, "ann")
