"""Claims: renewed, given back, ended by whoever sees that their worker is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import time_machine
from world import WorkerDied, World

from orchestrator.domain import retry
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import Entry
from orchestrator.ports import Ended, Halted, Store, Transaction
from orchestrator.usecases.executions.claims import (
    end_claims_of_lost_child,
    end_lapsed_claim,
    give_back_claims,
    is_current,
    renew_claim,
)
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.heartbeat import beat

T = TypeVar("T")


@pytest.fixture
def time() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def world(a_world: Callable[..., World]) -> World:
    """A world whose only worker was killed in the middle of the first task of two."""
    world = a_world("research", "write")
    world.kickoff()
    world.runner.behaviour = WorkerDied()
    with suppress(WorkerDied):
        world.work()
    world.runner.behaviour = None
    return world


def claimed(world: World) -> TaskRun:
    return world.ports.store.read(
        lambda tx: tx.task_runs.get(tx.task_runs.claimed_by("w-1")[0])  # type: ignore[return-value]
    )


def found(world: World, run: TaskRun) -> TaskRun:
    return world.ports.store.read(lambda tx: tx.task_runs.get(run.id))  # type: ignore[return-value]


def last_line(world: World, run: TaskRun) -> Entry:
    return timeline(world.ports, run.execution_id)[1][-1]


def test_a_claim_holds_for_a_lease_and_the_timeline_says_whose_and_which_it_is(
    time: time_machine.Coordinates,
    world: World,
) -> None:
    run = claimed(world)
    assert run.lease_until == datetime.now(UTC) + retry.LEASE
    lines = timeline(world.ports, run.execution_id)[1]
    (line,) = (each for each in lines if each.event == "task_run.claim")
    assert (line.actor, line.details) == ("worker:w-1", {"claim_no": run.claim_no})


def test_a_worker_may_be_made_to_die_between_its_claim_and_the_body(
    a_world: Callable[..., World],
) -> None:
    def dies(point: str) -> None:
        if point == "after-claim":
            raise WorkerDied

    world = a_world("research")
    world.ports = replace(world.ports, crash_point=dies)
    world.kickoff()
    with pytest.raises(WorkerDied):
        world.work()
    assert claimed(world).state is TaskRunState.RUNNING
    assert world.runner.chains == []


def test_a_claim_that_is_renewed_holds_for_a_lease_from_then_on(
    time: time_machine.Coordinates, world: World
) -> None:
    run = claimed(world)
    time.shift(10)
    assert renew_claim(world.ports, run, "write#1")
    renewed = found(world, run)
    assert renewed.lease_until == datetime.now(UTC) + retry.LEASE
    assert renewed.current_step == "write#1"


def test_a_claim_of_before_is_neither_current_nor_renewed(world: World) -> None:
    run = claimed(world)
    before = replace(run, claim_no=run.claim_no - 1)
    assert is_current(world.ports, run)
    assert not is_current(world.ports, before)
    assert not renew_claim(world.ports, before)
    assert not is_current(world.ports, replace(run, id="another"))


def test_a_claim_of_a_stopped_execution_is_neither_current_nor_renewed(world: World) -> None:
    run = claimed(world)
    stop(world.ports, Scope.of("crew"), run.execution_id, "tests")
    assert not is_current(world.ports, run)
    assert not renew_claim(world.ports, run)


def test_a_worker_that_shuts_down_gives_back_what_it_holds_and_has_it_published(
    world: World,
) -> None:
    run = claimed(world)
    assert give_back_claims(world.ports, "w-1") == 1
    line = last_line(world, run)
    assert (line.event, line.actor) == ("task_run.give_back", "worker:w-1")
    (job,) = world.jobs
    assert job.arguments == {"execution_id": run.execution_id, "task_run_id": run.id}
    assert job.time_limit is not None
    world.work()
    ended = world.snapshot(run.execution_id)
    assert ended.execution.state is ExecutionState.SUCCEEDED
    assert ended.runs[0].attempts == 1
    assert give_back_claims(world.ports, "w-1") == 0


def test_a_run_that_another_worker_has_is_not_given_back(world: World) -> None:
    """As it may be claimed by another one between the look and the write."""
    run = claimed(world)
    assert give_back_claims(world.ports, "w-2") == 0
    assert not end_claims_of_lost_child(world.ports, "w-2", run.id)
    assert is_current(world.ports, run)


class Meanwhile:
    """The store, where something happens between a look and the write that follows it."""

    def __init__(self, store: Store, happens: Callable[[], object]) -> None:
        self._store = store
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, work: Callable[[Transaction], T]) -> T:
        found = self._store.read(work)
        self._happens()
        return found


def test_what_another_one_ends_meanwhile_is_not_given_back(world: World) -> None:
    run = claimed(world)
    store: Any = Meanwhile(
        world.ports.store, lambda: stop(world.ports, EVERYWHERE, run.execution_id, "tests")
    )
    assert give_back_claims(replace(world.ports, store=store), "w-1") == 0
    assert found(world, run).state is TaskRunState.WITHDRAWN
    assert world.jobs == []


def test_a_lost_child_costs_an_attempt_and_the_timeline_says_how_it_ended(world: World) -> None:
    run = claimed(world)
    assert end_claims_of_lost_child(world.ports, "w-1", run.id)
    again = found(world, run)
    assert (again.state, again.attempts, again.error) == (
        TaskRunState.DUE,
        1,
        "The worker process died",
    )
    line = last_line(world, run)
    assert (line.event, line.actor) == ("task_run.try_again", "worker:w-1")
    assert line.details["error"] == "The worker process died"


def test_a_child_that_held_nothing_any_more_costs_nothing(world: World) -> None:
    run = claimed(world)
    assert end_claims_of_lost_child(world.ports, "w-1", run.id, "signal 9")
    lines = len(timeline(world.ports, run.execution_id)[1])
    assert not end_claims_of_lost_child(world.ports, "w-1", run.id, "signal 9")
    assert not end_claims_of_lost_child(world.ports, "w-1", "another", "signal 9")
    assert len(timeline(world.ports, run.execution_id)[1]) == lines


def test_a_lease_lapses_once_a_sweep_saw_its_end_pass(
    time: time_machine.Coordinates, world: World
) -> None:
    beat(world.ports)
    run = claimed(world)
    assert not end_lapsed_claim(world.ports, run.id)
    end = found(world, run).lease_until
    assert end is not None
    while datetime.now(UTC) + timedelta(seconds=5) < end:
        time.shift(5)
        beat(world.ports)
    time.move_to(end)
    beat(world.ports)
    assert not end_lapsed_claim(world.ports, run.id)
    time.shift(retry.HEARTBEAT)
    beat(world.ports)
    assert end_lapsed_claim(world.ports, run.id)
    assert found(world, run).error == "The lease of worker w-1 lapsed"
    assert last_line(world, run).actor == "sweep"
    assert not end_lapsed_claim(world.ports, run.id)


def test_the_last_attempt_fails_the_execution_and_the_timeline_says_why(
    a_world: Callable[..., World],
) -> None:
    world = a_world("research", max_attempts=1)
    execution_id = world.kickoff()
    world.runner.behaviour = RuntimeError("no ink")
    world.work()
    of_run, line = timeline(world.ports, execution_id)[1][-2:]
    assert (of_run.event, line.event) == ("task_run.fail", "execution.fail")
    assert of_run.details["error"] == "RuntimeError: no ink"
    assert "no ink" in line.details["error"]
    assert line.details["error"] == world.snapshot(execution_id).execution.error


def test_the_timeline_ends_with_the_success(a_world: Callable[..., World]) -> None:
    world = a_world("research")
    execution_id = world.halted()
    assert timeline(world.ports, execution_id)[1][-1].event == "execution.succeed"


def test_a_run_that_halts_and_asks_nobody_fails_at_once(a_world: Callable[..., World]) -> None:
    world = a_world("research")
    world.runner.run = lambda *_: Halted({})
    execution_id = world.halted()
    now = world.snapshot(execution_id)
    assert now.execution.error is not None
    assert now.execution.error.endswith("'research' halted, and nobody is asked anything")
    assert [run.attempts for run in now.runs] == [1]


def test_a_crew_that_said_nothing_has_its_last_output_as_its_result(
    a_world: Callable[..., World],
) -> None:
    world = a_world("research", "write")
    world.runner.run = lambda *_: Ended(Output(""), {}, None)
    now = world.snapshot(world.halted())
    assert now.execution.state is ExecutionState.SUCCEEDED
    assert now.execution.result == now.runs[-1].output_id
