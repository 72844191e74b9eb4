"""The step of a flow that is at work is the status's current task, soon after it began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import user_flows
from function_flow_world import flow_over
from world import World, migrated

from orchestrator.domain.execution import ExecutionState
from orchestrator.ports import WHOLE_FLOW
from workers import running_task
from workers.running_task import RunningTask


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    user_flows.RAN.clear()
    world = flow_over(f"sqlite:///{migrated(tmp_path)}", "loop")
    yield world
    world.ports.store.dispose()


class Seen:
    """What the status says while the first step of a flow runs, whatever the keeper was told."""

    def __init__(self, world: World, *begun: str, ended: str = "") -> None:
        self._world, self._begun, self._ended = world, begun, ended
        self.execution_id = ""
        self.current: list[str | None] = []

    def __call__(self, what: str, _path: str) -> None:
        if what != "commit" or self.current:
            return
        (run,) = self._world.snapshot(self.execution_id).runs
        running = RunningTask(run, timedelta(minutes=1), None, lambda: None)
        for path in self._begun:
            running.begin(path)
        running.keep(self._world.ports)
        self._look()
        if self._ended:
            running.end(self._ended)
            running.keep(self._world.ports)
            self._look()

    def _look(self) -> None:
        self.current.append(self._world.snapshot(self.execution_id).current_task)


def watched(world: World, *begun: str, ended: str = "") -> Seen:
    seen = Seen(world, *begun, ended=ended)
    runner: object = world.ports.runners["functions"]
    runner.watch = seen  # type: ignore[attr-defined]  # the runner of these tests
    seen.execution_id = world.kickoff()
    world.work()
    return seen


def test_a_step_that_runs_is_current(world: World) -> None:
    assert watched(world, "draft#1").current == ["draft"]


def test_of_two_the_one_that_has_run_for_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_task, "BEAT", 0.0)
    assert watched(world, "draft#1", "check#1", ended="draft#1").current == ["draft", "check"]


def test_however_often_the_keeper_looks_a_step_is_noted_once_in_a_beat(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_task, "BEAT", 3600.0)
    assert watched(world, "draft#1", "check#1", ended="draft#1").current == ["draft", "draft"]


def test_what_a_step_runs_inside_is_not_named(world: World) -> None:
    assert watched(world, "draft#1/task:write", "draft#1").current == ["draft"]


def test_a_flow_outside_its_steps_has_none(world: World) -> None:
    assert watched(world, WHOLE_FLOW).current == [None]


def test_a_step_that_a_person_was_asked_about_comes_first(world: World) -> None:
    seen = watched(world, "draft#1")
    found = world.snapshot(seen.execution_id)
    assert found.execution.state is ExecutionState.PENDING_HUMAN_INPUT
    assert found.current_task == "review"


def test_nothing_is_current_once_the_run_is_over(world: World) -> None:
    seen = watched(world, "draft#1")
    world.say(
        seen.execution_id, world.snapshot(seen.execution_id).pending[0].review.id, outcome="go"
    )
    world.work()
    assert world.snapshot(seen.execution_id).current_task is None
