from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from world import World, make_world, migrated, plan_of

from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import TaskFailed
from workers.lease_keeper import ThreadLeaseKeeper


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, migrated(tmp_path), plan_of("write"))


@pytest.fixture
def run(world: World) -> TaskRun:
    execution_id = world.kickoff()
    return world.snapshot(execution_id).runs[0]


def bare() -> None:
    raise SoftTimeLimitExceeded


def wrapped() -> None:
    """What a runner makes of the time limit that it was ended by."""
    try:
        bare()
    except SoftTimeLimitExceeded as error:
        raise TaskFailed("SoftTimeLimitExceeded()") from error


@pytest.mark.parametrize("task", [bare, wrapped])
def test_a_task_that_is_out_of_time_is_told_so_whoever_caught_it(
    world: World, run: TaskRun, task: Callable[[], None]
) -> None:
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())
    with pytest.raises(TaskFailed, match="over its time limit of 1800 s"), keeper.keep(run):
        task()


def test_causes_that_form_a_circle_are_searched_once(world: World, run: TaskRun) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())
    with pytest.raises(ValueError, match="first"), keeper.keep(run):
        raise first
