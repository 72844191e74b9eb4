"""A flow that halts once, beside CrewAI's own pause and resume; and what a replay costs."""

from __future__ import annotations

from functools import partial

from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.pairs import Sample, in_turn, ratios, values
from harness.record import Record, at_most
from harness.sides import Side

TITLE = "A CrewAI flow of three methods and one review, in one process"
OURS, THEIRS, QUIET = "Crew Orchestrator", "CrewAI alone", "CrewAI alone, without its events"
PLACES = ("1", "10", "40", "100")


def run(bench: Bench) -> Record:
    """CPU of the process from the kickoff to the end, and of a run that goes on after a halt."""
    rounds, flows = bench.rounds((15, 10), (2, 1))
    replays = bench.scale(5, 1)
    scale = {"rounds": rounds, "flows in a round": flows, "replays": replays}
    record = Record("flows", TITLE, scale)
    for database in (SQLITE, POSTGRES):
        with (
            ours(bench, database, "OneReview") as mine,
            bare(bench) as theirs,
            bare(bench, quiet=True) as quiet,
        ):
            sides = {OURS: mine, THEIRS: theirs, QUIET: quiet}
            turns = {name: partial(turn, side, flows) for name, side in sides.items()}
            note_flows(record, database, in_turn(turns, rounds, warm_up=bench.scale(2, 1)))
    with ours(bench, SQLITE, "Rounds") as mine:
        note_replays(record, [mine.run(bench.scale(100, 10)) for _ in range(replays)])
    return record


def ours(bench: Bench, database: str, flow: str) -> Side:
    """The use cases over a new database, with one of the flows."""
    arguments = {"url": bench.databases.new(database), "flow": flow}
    return Side("sides/flow_ours.py", bench.new_folder("ours"), arguments)


def bare(bench: Bench, *, quiet: bool = False) -> Side:
    """CrewAI alone, as it is or without the events that it emits for panels and listeners."""
    return Side("sides/flow_bare.py", bench.new_folder("bare"), {"quiet": quiet})


def turn(side: Side, flows: int) -> Sample:
    """What one flow took, of so many."""
    return {"cpu": side.run(flows)["cpu"] * 1000 / flows}


def note_flows(record: Record, database: str, taken: dict[str, list[Sample]]) -> None:
    """CPU of each side, and ours by theirs."""
    for name, samples in taken.items():
        record.measure(f"{name}, {database}", "CPU ms", values(samples, "cpu"))
    mine = values(taken[OURS], "cpu")
    for name in (THEIRS, QUIET):
        # CrewAI's own store is SQLite, and its events are on unless somebody says otherwise.
        aim = at_most(1) if (database, name) == (SQLITE, THEIRS) else None
        record.ratio(f"ours on {database}", name, ratios(mine, values(taken[name], "cpu")), aim)


def note_replays(record: Record, taken: list[Sample]) -> None:
    """CPU of the run that goes on after so many committed steps, and whether that is linear."""
    for place in PLACES:
        if place in taken[0]:
            what = f"a run that goes on after {place} committed steps"
            record.measure(what, "CPU ms", values(taken, place))
    if PLACES[-1] in taken[0]:
        first, middle, last = (values(taken, place) for place in ("1", "40", "100"))
        early = [(b - a) / 39 for a, b in zip(first, middle, strict=True)]
        late = [(b - a) / 60 for a, b in zip(middle, last, strict=True)]
        what = "a step that is replayed, from the 40th to the 100th"
        record.ratio(what, "one of the first 40", ratios(late, early), at_most(1.2))
