"""Batches hold the database's lock for a moment: a few statements, however many executions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from world import World

from orchestrator.adapters.sql.executions import SqlExecutions
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.ports import ExecutionFilter
from orchestrator.usecases.executions import publishing
from orchestrator.usecases.executions import stop_batch as stopping
from orchestrator.usecases.executions.kickoff import Kickoff
from orchestrator.usecases.executions.kickoff_batch import BatchBody, kickoff_batch
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.executions.stop_batch import StopBody, stop_batch
from orchestrator.wire.requests import parse


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return a_world_of_each("~research", "~look", "write")


@pytest.fixture
def statements(world: World) -> list[str]:
    """What the database is asked."""
    asked: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(world.ports.store._writer, "before_cursor_execute", note)
    return asked


def kick_off(world: World, size: int) -> tuple[str, list[str]]:
    """The ids of a new batch, and of its executions."""
    body = parse(BatchBody, {"deployment": "crew", "inputs": [{"n": n} for n in range(size)]})
    told = kickoff_batch(world.ports, Kickoff("crew", body, "tests", "tests"), body)
    return str(told["batch_id"]), list(told["kickoff_ids"])


def test_a_batch_takes_as_many_statements_as_one(
    world: World, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "LEAST_WINDOW", 1_000)
    kick_off(world, 1)
    of_one = list(statements)
    statements.clear()

    _, ids = kick_off(world, 200)

    assert statements == of_one
    assert len(world.jobs) == 2 * 201
    assert [world.snapshot(each).execution.inputs["n"] for each in ids] == list(range(200))


def test_of_a_batch_as_many_are_published_as_there_is_room_for(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write")
    for _ in range(3):
        world.kickoff()
    kick_off(world, publishing.LEAST_WINDOW)
    assert len(world.jobs) == publishing.LEAST_WINDOW


def test_what_is_answered_while_others_are_looked_for_is_stopped_as_well(
    a_world_of_each: Callable[..., World],
) -> None:
    world = a_world_of_each("write?", "publish")
    execution_id = world.halted()
    page = SqlExecutions.page

    def meanwhile(self: SqlExecutions, wanted: ExecutionFilter, *rest: Any) -> Any:
        if wanted.state is ExecutionState.PENDING_HUMAN_INPUT:
            world.answer(execution_id, "write", approve=True)
        return page(self, wanted, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlExecutions, "page", meanwhile)
        stopped = stop_batch(world.ports, StopBody(deployment="crew"), Scope.of("crew"), "tests")

    assert stopped == (execution_id,)


def test_stopping_a_batch_reads_no_other_executions(world: World) -> None:
    kick_off(world, 30)
    batch, ids = kick_off(world, 3)
    read: list[int] = []
    page = type(world.ports.store.transact(lambda tx: tx.executions)).page

    def count(self: object, *arguments: object) -> object:
        found = page(self, *arguments)
        read.append(len(found))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestrator.adapters.sql.executions.SqlExecutions.page", count)
        stopped = stop_batch(world.ports, StopBody(batch=batch), EVERYWHERE, "tests")

    assert sorted(stopped) == sorted(ids)
    assert sum(read) == 3


@pytest.mark.parametrize("at_a_time", [1, 2, 3])
def test_a_batch_is_stopped_whole_however_many_are_read_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(stopping, "AT_A_TIME", at_a_time)
    batch, ids = kick_off(world, 4)
    stopped = stop_batch(world.ports, StopBody(batch=batch), EVERYWHERE, "tests")
    assert sorted(stopped) == sorted(ids)


def test_only_what_is_in_the_state_that_is_meant_is_stopped(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write?")
    waiting, queued = world.halted(), world.kickoff()
    asked = StopBody(state="PENDING_HUMAN_INPUT")
    assert stop_batch(world.ports, asked, EVERYWHERE, "tests") == (waiting,)
    assert world.snapshot(queued).execution.state is ExecutionState.QUEUED


def test_only_what_is_in_the_scope_is_stopped_and_says_by_whom(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    asked = StopBody(state="QUEUED")
    assert stop_batch(world.ports, asked, Scope.of("other"), "ann") == ()
    assert stop_batch(world.ports, asked, Scope.of("crew"), "ann") == (execution_id,)
    (stopped,) = (
        each for each in timeline(world.ports, execution_id)[1] if each.event == "execution.stop"
    )
    assert stopped.actor == "ann"


def test_what_ends_meanwhile_is_left_out_and_the_others_are_stopped(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write")
    ids = {world.kickoff() for _ in range(3)}
    page = SqlExecutions.page
    ended: set[str] = set()

    def meanwhile(self: SqlExecutions, *wanted: Any) -> Any:
        found = page(self, *wanted)
        for each in found[1:2]:
            stop(world.ports, EVERYWHERE, each.id, "another")
            ended.add(each.id)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlExecutions, "page", meanwhile)
        stopped = stop_batch(world.ports, StopBody(deployment="crew"), EVERYWHERE, "tests")

    assert len(ended) == 1
    assert set(stopped) == ids - ended


def test_whoever_stops_a_batch_says_which(world: World) -> None:
    with pytest.raises(ValueError, match="say which: deployment, state or batch"):
        StopBody()
