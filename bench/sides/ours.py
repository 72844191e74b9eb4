"""Ours, in one process: the use cases, as ``tests/support/world.py`` puts them together."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

from harness.child import Run, serve
from world import World, world_of

from orchestrator.adapters.runners.functions import FunctionsRunner


def make(arguments: dict[str, Any]) -> Run:
    """Kickoff, halt, approval, end; ``url`` is a migrated database."""
    logging.disable(logging.CRITICAL)
    world = world_on(arguments["url"], "bench_steps:reviewed")

    def run(count: int) -> None:
        for _ in range(count):
            execution_id = world.halted()
            world.answer(execution_id, "write", approve=True, words="fine")
            world.work()
        assert world.snapshot(execution_id).result.raw == "published"

    return run


def world_on(url: str, target: str) -> World:
    """The use cases over a database, with a crew of functions deployed."""
    import sys  # noqa: PLC0415

    sys.path.insert(0, str(Path(__file__).parent))
    runner = FunctionsRunner()
    # A worker process loads a plan once, when it starts.
    runner.plan = cache(runner.plan)  # type: ignore[method-assign]
    return world_of(url, runner, target=target)


if __name__ == "__main__":
    serve(make)
