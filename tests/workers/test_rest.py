"""A process that runs no task looks seldom; one that begins a task looks as often as ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import came_true
from world import World, migrated, plan_of, world_over

from orchestrator.domain.task_run import TaskRun
from workers import lease_keeper
from workers.lease_keeper import ThreadLeaseKeeper

SECONDS = 30.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = world_over(f"sqlite:///{migrated(tmp_path)}", plan_of("write"))
    yield world
    world.ports.store.dispose()


@pytest.fixture
def run(world: World) -> TaskRun:
    return world.snapshot(world.kickoff()).runs[0]


@pytest.fixture
def keeper(world: World, monkeypatch: pytest.MonkeyPatch) -> ThreadLeaseKeeper:
    monkeypatch.setattr(lease_keeper, "REST", 3600.0)
    return ThreadLeaseKeeper(world.ports, "w-1", ())


def rest(keeper: ThreadLeaseKeeper) -> threading.Thread:
    resting = threading.Thread(target=keeper._rest, daemon=True)
    resting.start()
    assert came_true(lambda: keeper._rests_long, SECONDS)
    return resting


def test_a_task_that_begins_ends_a_long_rest(keeper: ThreadLeaseKeeper, run: TaskRun) -> None:
    resting = rest(keeper)
    with keeper.keep(run):
        resting.join(SECONDS)
        assert not resting.is_alive()


def test_while_tasks_run_and_just_after_there_is_no_long_rest(
    keeper: ThreadLeaseKeeper, run: TaskRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_keeper, "BEAT", 0.0)
    with keeper.keep(run):
        keeper._rest()
        keeper._rest()
    with keeper.keep(run):
        pass
    keeper._rest()
    resting = rest(keeper)
    keeper._hurry.set()
    resting.join(SECONDS)
    assert not resting.is_alive()
