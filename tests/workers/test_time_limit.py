from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from world import World, make_world, migrated, plan_of

from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import OutOfTime, TaskFailed
from orchestrator.ports import WHOLE_FLOW
from workers.lease_keeper import ThreadLeaseKeeper
from workers.running_task import RunningTask


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
    with pytest.raises(OutOfTime, match="over its time limit of 1800 s"), keeper.keep(run):
        task()


def test_causes_that_form_a_circle_are_searched_once(world: World, run: TaskRun) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())
    with pytest.raises(ValueError, match="first"), keeper.keep(run):
        raise first


METHOD, TASK = "team#1", "team#1/task:write~1"


@pytest.fixture
def overdue(run: TaskRun) -> RunningTask:
    """A run of a flow whose steps are over their limit as soon as they have begun."""
    running = RunningTask(run, timedelta(seconds=-1), None, lambda: None)
    running.begin(METHOD)
    running.begin(TASK)
    return running


def test_of_steps_that_stand_in_one_another_the_innermost_is_overdue(overdue: RunningTask) -> None:
    assert overdue.overdue_step == TASK


def test_a_method_still_has_a_limit_after_a_task_inside_it(overdue: RunningTask) -> None:
    overdue.end(TASK)
    assert overdue.overdue_step == METHOD


def test_what_is_inside_a_step_is_left_with_it(overdue: RunningTask) -> None:
    overdue.end(METHOD)
    assert overdue.overdue_step is None


def test_a_flow_outside_its_steps_is_overdue_where_none_of_them_is(overdue: RunningTask) -> None:
    overdue.begin(WHOLE_FLOW)
    assert overdue.overdue_step == TASK
    overdue.end(METHOD)
    assert overdue.overdue_step == WHOLE_FLOW


def test_a_method_has_its_limit_anew_after_a_task_inside_it(
    run: TaskRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("workers.running_task.time", SimpleNamespace(monotonic=lambda: now))
    running = RunningTask(run, timedelta(seconds=30), None, lambda: None)
    running.begin(METHOD)
    now = 20.0
    running.begin(TASK)
    now = 40.0
    running.end(TASK)
    now = 69.0
    assert running.overdue_step is None
    now = 71.0
    assert running.overdue_step == METHOD
