"""The stream: what happens in an execution, told to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
import user_flows
from world import World

from orchestrator.domain import retry
from orchestrator.domain.canonical import decode
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import DatabaseAway
from orchestrator.ports import AgentStep, Transaction
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.webhooks.agent_steps import emit_steps
from orchestrator.usecases.webhooks.stream_events import LARGEST_BODY, RunnerEvent, emit_events
from workers import running_task
from workers.lease_keeper import ThreadLeaseKeeper

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOOK = "https://93.184.215.14/hook"


def stream(*events: str, realtime: bool = False) -> dict[str, Any]:
    return {"webhooks": {"url": HOOK, "events": list(events), "realtime": realtime}}


def told(world: World, execution_id: str) -> list[list[dict[str, Any]]]:
    """The events of each delivery of the stream."""
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    bodies: list[Any] = [decode(each.body) for each in deliveries if each.kind == "stream"]
    return [body["events"] for body in bodies]


def kinds(world: World, execution_id: str) -> list[list[str]]:
    return [[event["type"] for event in events] for events in told(world, execution_id)]


def first_run(world: World, execution_id: str) -> TaskRun:
    return world.ports.store.read(lambda tx: tx.task_runs.of(execution_id))[0]


def claimed_run(world: World, execution_id: str) -> TaskRun:
    """The first run, which a worker holds."""
    run = first_run(world, execution_id)
    if run.state is not TaskRunState.DUE:
        return run

    def write(tx: Transaction) -> TaskRun:
        return tx.task_runs.save(run, run.claim("w-1", tx.now(), tx.now() + retry.LEASE))

    return world.ports.store.transact(write)


def tell(world: World, execution_id: str, *events: RunnerEvent) -> None:
    emit_events(world.ports, claimed_run(world, execution_id), "w-1", events)


def event(kind: str, **data: Any) -> RunnerEvent:
    return RunnerEvent(kind, data, AT)


def test_an_execution_tells_its_own_beginning_and_end(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    execution_id = world.kickoff(inputs={"topic": "owls"}, **stream())
    world.work()

    assert kinds(world, execution_id) == [["crew_kickoff_started"], ["crew_kickoff_completed"]]
    (started,), (ended,) = told(world, execution_id)
    assert started["data"] == {"crew_name": "crew", "inputs": {"topic": "owls"}}
    assert ended["data"] == {"crew_name": "crew", "output": "write, round 1", "total_tokens": 15}


def test_an_execution_that_fails_says_so(a_world: Callable[..., World]) -> None:
    world = a_world("write", max_attempts=1)
    world.runner.behaviour = ValueError("no ink")
    execution_id = world.kickoff(**stream("crew_kickoff_failed"))
    world.work()

    ((failed,),) = told(world, execution_id)
    assert "no ink" in failed["data"]["error"]


def test_an_execution_that_is_stopped_says_so(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream("crew_kickoff_failed"))
    stop(world.ports, EVERYWHERE, execution_id, "tests")

    ((stopped,),) = told(world, execution_id)
    assert stopped["data"] == {"crew_name": "crew", "error": "The execution was stopped"}


def test_a_flow_that_fails_says_so_as_a_flow(a_flow: Callable[..., World]) -> None:
    world = a_flow("loop", max_attempts=1)
    user_flows.FAILING["draft"] = ValueError("no ink")
    execution_id = world.kickoff(**stream())
    world.work()

    ((failed,),) = told(world, execution_id)
    assert failed["type"] == "flow_failed"
    assert (failed["data"]["flow_name"], "no ink" in failed["data"]["error"]) == ("crew", True)


def test_events_come_in_one_batch_with_what_tells_them_apart(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream())
    at = "2026-11-22T11:59:59+00:00"
    own = event("llm_call_started", timestamp=at)
    tell(world, execution_id, event("task_started", event_id="e-1"), own)

    ((first, second),) = told(world, execution_id)
    assert first == {
        "id": "e-1",
        "execution_id": execution_id,
        "timestamp": "2026-11-22T12:00:00+00:00",
        "type": "task_started",
        "data": {"event_id": "e-1"},
    }
    assert (second["id"] != first["id"], second["timestamp"]) == (True, at)


def test_only_what_was_asked_for_is_told(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream("tool_usage_started"))
    tell(world, execution_id, event("task_started"), event("tool_usage_started"))

    assert kinds(world, execution_id) == [["tool_usage_started"]]


def test_realtime_events_come_one_by_one(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream(realtime=True))
    tell(world, execution_id, event("a"), event("b"))

    assert kinds(world, execution_id) == [["a"], ["b"]]


def test_a_runners_own_word_for_a_kickoff_is_not_told_twice(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream())
    tell(world, execution_id, event("crew_kickoff_started"))

    assert told(world, execution_id) == []


def test_the_kickoff_of_a_crew_within_a_flow_is_told(a_flow: Callable[..., World]) -> None:
    world = a_flow("loop")
    execution_id = world.kickoff(**stream())
    tell(world, execution_id, event("crew_kickoff_started"))

    assert kinds(world, execution_id) == [["crew_kickoff_started"]]


def test_a_step_is_told_with_what_was_thought_and_done_and_in_which_task(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write")
    execution_id = world.kickoff(stepWebhookUrl=HOOK, meta={"for": "ann"})
    step = AgentStep("Write of owls.", "I look first.", "look", '{"at":"owls"}', "Two owls.")
    emit_steps(world.ports, claimed_run(world, execution_id), "w-1", [step])

    (delivery,) = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    assert decode(delivery.body) == {
        **asdict(step),
        "task_id": "write",
        "kickoff_id": execution_id,
        "meta": {"for": "ann"},
        "sequence": 1,
    }


def test_who_has_lost_the_claim_tells_nothing_more(
    a_world_of_each: Callable[..., World],
) -> None:
    world = a_world_of_each("write")
    execution_id = world.kickoff(stepWebhookUrl=HOOK, **stream())
    lost = claimed_run(world, execution_id)
    stop(world.ports, EVERYWHERE, execution_id, "tests")
    before = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))

    emit_events(world.ports, lost, "w-1", [event("agent_execution_started")])
    emit_steps(world.ports, lost, "w-1", [AgentStep("Write.", "I look first.", "", "", "")])

    assert world.ports.store.read(lambda tx: tx.deliveries.of(execution_id)) == before


@pytest.mark.parametrize(
    ("count", "size", "batches"), [(250, 10, 3), (4, LARGEST_BODY // 3, 2), (2, LARGEST_BODY, 2)]
)
def test_batches_are_bounded(
    a_world: Callable[..., World], count: int, size: int, batches: int
) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream())
    tell(world, execution_id, *(event("a", text="x" * size) for _ in range(count)))

    assert len(told(world, execution_id)) == batches


def test_without_a_stream_nothing_is_kept(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())

    listening = world.snapshot(execution_id).execution.subscriptions.stream
    with keeper.keep(claimed_run(world, execution_id), listening) as progress:
        progress.event("task_started", dict)
        assert progress.taken_events() == []


def test_what_a_task_told_is_written_when_it_ends(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream("task_started"))
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())

    listening = world.snapshot(execution_id).execution.subscriptions.stream
    with keeper.keep(claimed_run(world, execution_id), listening) as progress:
        progress.event("task_started", dict)
        progress.event("task_completed", dict)
        assert told(world, execution_id) == []

    assert kinds(world, execution_id) == [["task_started"]]


def away(*_: object) -> None:
    raise DatabaseAway


def test_what_a_database_that_is_away_does_not_take_is_written_later(
    a_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_world("write")
    execution_id = world.kickoff(stepWebhookUrl=HOOK, **stream("a", "b"))
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())
    listening = world.snapshot(execution_id).execution.subscriptions.stream
    with keeper.keep(claimed_run(world, execution_id), listening) as progress:
        progress.step(AgentStep(thought="first"))
        progress.event("a", dict)
        monkeypatch.setattr(world.ports.store, "transact", away)
        keeper._pass_on(progress)
        monkeypatch.undo()
        progress.event("b", dict)

    assert kinds(world, execution_id) == [["a", "b"]]
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    assert [each.kind for each in deliveries].count("step") == 1


def test_of_too_much_that_waits_for_the_database_the_oldest_goes(
    a_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_world("write")
    execution_id = world.kickoff(**stream())
    monkeypatch.setattr(running_task, "MOST_KEPT", 3)
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())
    listening = world.snapshot(execution_id).execution.subscriptions.stream
    with keeper.keep(claimed_run(world, execution_id), listening) as progress:
        for kind in "abc":
            progress.event(kind, dict)
        taken = progress.taken_events()
        progress.event("d", dict)
        progress.put_back_events(taken)

    assert kinds(world, execution_id) == [["b", "c", "d"]]
