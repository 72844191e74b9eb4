"""Ours: two threads answer one review at once, then two workers take every job twice."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import counted_steps
from harness.child import Run, serve
from ours import world_on

from orchestrator.errors import OrchestratorError


def make(arguments: dict[str, Any]) -> Run:
    """So many doubled answers; how often the step after ran more than once, or not at all."""
    logging.disable(logging.CRITICAL)
    world = world_on(arguments["url"], "counted_steps:crew")
    pool = ThreadPoolExecutor(2)

    def answer(execution_id: str) -> None:
        with suppress(OrchestratorError):
            world.answer(execution_id, "write", approve=True, words="fine")

    def run(count: int) -> dict[str, float]:
        counted_steps.RAN.clear()
        for _ in range(count):
            execution_id = world.halted()
            list(pool.map(answer, [execution_id] * 2))
            jobs, world.jobs[:] = list(world.jobs), []
            list(pool.map(world.run, jobs * 2))
        return counted_steps.told(counted_steps.RAN, count)

    return run


if __name__ == "__main__":
    serve(make)
