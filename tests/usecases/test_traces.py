"""Each run has the trace that caused it, and after an answer the one that the halt ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from world import World

from orchestrator.domain.canonical import JsonObject

Make = Callable[..., World]


@pytest.fixture
def traced(a_world: Make) -> Make:
    """Makes a world in which whatever happens next has a trace of its own: t-1, t-2, ..."""

    def make(*tasks: str) -> World:
        world = a_world(*tasks)
        numbers = count(1)
        world.ports = replace(world.ports, trace=lambda _execution_id: f"t-{next(numbers)}")
        return world

    return make


def traces(world: World, execution_id: str) -> list[JsonObject | None]:
    return [run.trace for run in world.snapshot(execution_id).runs]


def test_a_run_and_its_job_have_the_trace_that_caused_them(traced: Make) -> None:
    world = traced("write", "check")
    execution_id = world.kickoff()
    (job,) = world.jobs
    assert job.trace == {"traceparent": "t-1"}
    world.work()
    assert traces(world, execution_id) == [{"traceparent": "t-1"}, {"traceparent": "t-2"}]


def test_after_an_answer_a_run_knows_the_trace_of_the_one_before_the_halt(traced: Make) -> None:
    world = traced("write?")
    execution_id = world.halted()
    for _ in range(3):
        world.answer(execution_id, "write", approve=False, words="shorter")
        world.work()
    assert traces(world, execution_id) == [
        {"traceparent": "t-1"},
        {"traceparent": "t-2", "before": "t-1"},
        {"traceparent": "t-3", "before": "t-2"},
        {"traceparent": "t-4", "before": "t-3"},
    ]


def test_what_began_untraced_is_traced_from_then_on(traced: Make, a_world: Make) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    world.ports = replace(world.ports, trace=traced().ports.trace)
    world.answer(execution_id, "write", approve=False, words="shorter")
    assert traces(world, execution_id) == [None, {"traceparent": "t-1"}]
