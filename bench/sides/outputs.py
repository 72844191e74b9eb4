"""An execution whose first function gives back so many bytes, and whose second one sees them."""

from __future__ import annotations

import logging
from typing import Any

from harness.child import Run, serve
from ours import world_on


def make(arguments: dict[str, Any]) -> Run:
    """``run`` takes the ``size`` of the output in bytes."""
    logging.disable(logging.CRITICAL)
    world = world_on(arguments["url"], "long_crews:texts")

    def run(count: int, size: int) -> None:
        for _ in range(count):
            world.kickoff(inputs={"size": size})
            world.work()

    return run


if __name__ == "__main__":
    serve(make)
