"""What a step costs after 1, 20 and 200 that came before it."""

from __future__ import annotations

from functools import partial

from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.pairs import Sample, in_turn, ratios, values
from harness.record import Record, at_most
from harness.sides import Side

TITLE = "A step after 1, 20 and 200 others of its execution"
CREWS = {"sees_last": "each sees the output before it", "sees_all": "each sees all before it"}


def run(bench: Bench) -> Record:
    """CPU of the process for a step, mean of the five that follow."""
    rounds, executions = bench.rounds((9, 2), (1, 1))
    record = Record("history", TITLE, {"rounds": rounds, "executions in a round": executions})
    for database in (SQLITE, POSTGRES):
        for crew, what in CREWS.items():
            arguments = {"url": bench.databases.new(database), "crew": crew}
            with Side("sides/history.py", bench.new_folder("history"), arguments) as side:
                turns = {crew: partial(side.run, executions)}
                taken = in_turn(turns, rounds)[crew]
            note(record, f"{database}, {what}", taken, has_aim=crew == "sees_last")
    return record


def note(record: Record, where: str, taken: list[Sample], *, has_aim: bool) -> None:
    """CPU at each place, and by the first."""
    first = values(taken, "1")
    for place in ("1", "20", "200"):
        record.measure(f"after {place}, {where}", "CPU ms", values(taken, place))
    for place in ("20", "200"):
        aim = at_most(1.1) if has_aim else None
        paired = ratios(values(taken, place), first)
        record.ratio(f"after {place}, {where}", "a step after 1", paired, aim)
