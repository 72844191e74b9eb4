"""A flow that halts once, beside CrewAI's own pause and resume; and what a replay costs.

Both sides in one process, each over SQLite: ours by the use cases, from the kickoff to the end,
CrewAI's by ``kickoff`` and ``from_pending().resume()``. In pairs, in turn; CPU time of the process.
``python bench/flows.py [pairs]``
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
STEPS = (1, 10, 40, 100)
REPEATS = 5

FLOW = """
from crewai import Flow
from crewai.flow import human_feedback, listen, or_, start

class OneReview(Flow):
    @start()
    def begin(self):
        return "begun"

    @listen(begin)
    @human_feedback(message="Good?")
    def review(self):
        return "draft"

    @listen(review)
    def publish(self):
        return "published"

class Rounds(Flow):
    @start()
    def begin(self):
        return "begun"

    @listen(or_(begin, "again"))
    @human_feedback(message="Good?", emit=["again", "done"])
    def write(self):
        return "draft"
"""


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="?", type=int, default=15)
    pairs = parser.parse_args().pairs
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        (folder / "bench_flow.py").write_text(FLOW)
        sys.path.insert(0, str(folder))
        os.environ["CREWAI_STORAGE_DIR"] = str(folder / "crewai")
        bench_pairs(folder, pairs)
        bench_replay(folder)


def bench_pairs(folder: Path, pairs: int) -> None:
    """Ours and CrewAI's, one after the other, as often as asked; the first of each warms up."""
    world = a_world(folder, "OneReview")
    bare = bare_flow(folder)
    sides: tuple[Callable[[], None], ...] = (lambda: one_of_ours(world), bare)
    for side in sides:
        cpu_seconds(side)
    ratios, ours, theirs = [], [], []
    for number in range(pairs):
        in_turn = sides if number % 2 else tuple(reversed(sides))
        taken = {side: cpu_seconds(side) for side in in_turn}
        ours.append(taken[sides[0]])
        theirs.append(taken[sides[1]])
        ratios.append(ours[-1] / theirs[-1])
    world.ports.store.dispose()
    print("a flow of three methods and one review, CPU ms")
    for name, values in (("ours", ours), ("bare CrewAI", theirs)):
        print(f"  {name:14}{told([each * 1000 for each in values], '7.1f')}")
    print(f"  {'ratio':14}{told(ratios, '7.2f')}")


def bench_replay(folder: Path) -> None:
    """The CPU time of a run that goes on after so many rounds, beside one after a single round."""
    print("\na run that goes on after so many steps were committed, CPU ms")
    first = 0.0
    for steps in STEPS:
        world = a_world(folder, "Rounds")
        with silence():
            execution_id = world.halted()
        taken = []
        for number in range(1, steps + REPEATS):
            world.say(execution_id, "write", outcome="again")
            spent = cpu_seconds(world.work)
            if number >= steps:
                taken.append(spent)
        world.ports.store.dispose()
        median = statistics.median(taken)
        first = first or median
        shown = told([each * 1000 for each in taken], "7.1f")
        print(f"  {steps:<14}{shown}   {median / first:.2f} times the first")


def a_world(folder: Path, name: str) -> Any:
    """The use cases over a new SQLite file, with the flow deployed."""
    from world import migrated, world_of  # noqa: PLC0415 - after CrewAI's folder is set

    from orchestrator.adapters.runners.crewai import CrewaiRunner  # noqa: PLC0415

    made = Path(tempfile.mkdtemp(dir=folder))
    runner = CrewaiRunner(folder / "crewai", flows=True)
    # A worker process loads a plan once, when it starts.
    runner.plan = cache(runner.plan)  # type: ignore[method-assign]
    return world_of(f"sqlite:///{migrated(made)}", runner, target=f"bench_flow:{name}")


def one_of_ours(world: Any) -> None:
    """Kick off, halt, answer, end."""
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="fine")
    world.work()
    assert world.snapshot(execution_id).result.raw == "published"


def bare_flow(folder: Path) -> Callable[[], None]:
    """The same by CrewAI alone: its pause, its SQLite file, its resume."""
    from bench_flow import OneReview  # noqa: PLC0415
    from crewai.flow.persistence import SQLiteFlowPersistence  # noqa: PLC0415

    store = SQLiteFlowPersistence(str(folder / "bare.db"))

    def run() -> None:
        flow = OneReview(persistence=store)
        flow.kickoff()
        assert OneReview.from_pending(flow.flow_id, store).resume("fine") == "published"

    return run


def cpu_seconds(work: Callable[[], None]) -> float:
    """What the process, all its threads, spends, the panels included that CrewAI draws."""
    with silence():
        began = time.process_time()
        work()
        return time.process_time() - began


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """CrewAI draws its panels all the same, for nobody."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield


def told(values: list[float], form: str) -> str:
    """Median, smallest and largest."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):{form}}   ({low:{form}} to {high:{form}})"


if __name__ == "__main__":
    main()
