"""What outputs of 1 kB to 1 MB cost: a task that gives one, and one that sees it."""

from __future__ import annotations

from functools import partial

from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.pairs import Sample, in_turn, ratios, values
from harness.record import Record, at_most
from harness.sides import Side

TITLE = "Outputs of 1 kB to 1 MB"
SIZES = {"1 kB": 1_000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000}


def run(bench: Bench) -> Record:
    """CPU of an execution of two functions, the first of which returns so much random text."""
    rounds, executions = bench.rounds((9, 5), (1, 1))
    record = Record("outputs", TITLE, {"rounds": rounds, "executions in a round": executions})
    for database in (SQLITE, POSTGRES):
        arguments = {"url": bench.databases.new(database)}
        with Side("sides/outputs.py", bench.new_folder("outputs"), arguments) as side:
            turns = {name: partial(turn, side, executions, size) for name, size in SIZES.items()}
            taken = in_turn(turns, rounds)
        for name, samples in taken.items():
            record.measure(f"{name}, {database}", "CPU ms", values(samples, "cpu"))
        hundred, million = (per_byte(taken, name) for name in ("100 kB", "1 MB"))
        what = f"a byte of 1 MB, {database}"
        record.ratio(what, "a byte of 100 kB", ratios(million, hundred), at_most(1.2))
    return record


def turn(side: Side, executions: int, size: int) -> Sample:
    """So many executions with outputs of that size."""
    return {"cpu": side.run(executions, size=size)["cpu"] * 1000 / executions}


def per_byte(taken: dict[str, list[Sample]], name: str) -> list[float]:
    """CPU ms of each byte beyond the first thousand, round by round."""
    more = SIZES[name] - SIZES["1 kB"]
    pairs = zip(values(taken[name], "cpu"), values(taken["1 kB"], "cpu"), strict=True)
    return [max(large - small, 0.001) / more for large, small in pairs]
