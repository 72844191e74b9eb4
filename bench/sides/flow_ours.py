"""A flow of CrewAI's by the use cases: each method, question and answer is kept."""

from __future__ import annotations

import logging
import statistics
import sys
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

from harness.child import Run, serve
from world import World, world_of

from orchestrator.adapters.runners.crewai import CrewaiRunner

AT = (1, 10, 40, 100)
RUNS = 5


def make(arguments: dict[str, Any]) -> Run:
    """Kickoff, halt, answer, end; or, of the flow of rounds, as many of these in one execution."""
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(Path(__file__).parent))
    world = world_on(arguments["url"], arguments["flow"])

    def run(count: int) -> None:
        for _ in range(count):
            execution_id = world.halted()
            world.say(execution_id, "review", human_feedback="fine")
            world.work()
        assert world.snapshot(execution_id).result.raw == "published"

    return partial(replays, world) if arguments["flow"] == "Rounds" else run


def replays(world: World, count: int) -> dict[str, float]:
    """CPU ms of a run that goes on after so many committed steps, the median of a few."""
    execution_id = world.halted()
    spent = []
    for _ in range(count + RUNS):
        world.say(execution_id, "write", outcome="again")
        began = time.process_time()
        world.work()
        spent.append((time.process_time() - began) * 1000)
    return {str(at): statistics.median(spent[at - 1 : at - 1 + RUNS]) for at in AT if at <= count}


def world_on(url: str, flow: str) -> World:
    """The use cases over a database, with a flow deployed."""
    runner = CrewaiRunner(Path("crewai").resolve(), flows=True)
    # A worker process loads a plan once, when it starts.
    runner.plan = cache(runner.plan)  # type: ignore[method-assign]
    return world_of(url, runner, target=f"bench_flows:{flow}")


if __name__ == "__main__":
    serve(make)
