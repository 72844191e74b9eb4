"""An execution of many steps, and what each costs, in one process."""

from __future__ import annotations

import logging
import statistics
import time
from typing import Any

from harness.child import Run, serve
from ours import world_on

PLACES = (1, 20, 200)
WIDTH = 6


def make(arguments: dict[str, Any]) -> Run:
    """``crew`` names one of ``long_crews``."""
    logging.disable(logging.CRITICAL)
    world = world_on(arguments["url"], f"long_crews:{arguments['crew']}")

    def run(count: int) -> dict[str, float]:
        found: dict[str, list[float]] = {str(place): [] for place in PLACES}
        for _ in range(count):
            world.kickoff()
            spent = []
            while world.jobs:
                began = time.process_time()
                world.run(world.jobs.pop(0))
                spent.append((time.process_time() - began) * 1000)
            for place in PLACES:
                found[str(place)] += spent[place : place + WIDTH - 1]
        return {place: statistics.mean(each) for place, each in found.items()}

    return run


if __name__ == "__main__":
    serve(make)
