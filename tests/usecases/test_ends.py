"""What is written and told as a task of a crew ends, and as its execution does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from world import World

from orchestrator.domain.canonical import decode
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import Ended

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
