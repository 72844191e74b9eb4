"""Kickoff, halt, approval and end in one process, beside others that can wait for a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.machine import cpu_of_tree
from harness.pairs import Sample, in_turn, ratios, values
from harness.record import Aim, Record, at_most
from harness.sides import Side

TITLE = "A cycle of kickoff, halt, approval and end, in one process"
OURS = "Crew Orchestrator"
PEERS = {
    SQLITE: {
        "LangGraph": ("peers/langgraph_cycle.py", "langgraph"),
        "DBOS": ("peers/dbos_cycle.py", "dbos"),
        "awaithumans": ("peers/awaithumans_cycle.py", "awaithumans"),
        "CrewAI": ("sides/crewai_cycle.py", ""),
    },
    POSTGRES: {
        "LangGraph": ("peers/langgraph_cycle.py", "langgraph"),
        "DBOS": ("peers/dbos_cycle.py", "dbos"),
    },
}


def run(bench: Bench) -> Record:
    """CPU of the process for each cycle; that of the PostgreSQL server beside it."""
    rounds, cycles = bench.rounds((15, 40), (2, 2))
    record = Record("cycle", TITLE, {"rounds": rounds, "cycles in a round": cycles})
    for database in (SQLITE, POSTGRES):
        with sides_on(bench, database, record) as sides:
            turns = {name: partial(turn, bench, side, cycles) for name, side in sides.items()}
            note(record, database, in_turn(turns, rounds, warm_up=bench.scale(2, 1)))
    return record


@contextmanager
def sides_on(bench: Bench, database: str, record: Record) -> Iterator[dict[str, Side]]:
    """Ours and every peer that starts; one that does not is named in the record."""
    with ExitStack() as stack:
        ours = Side(
            "sides/ours.py", bench.new_folder("ours"), {"url": bench.databases.new(database)}
        )
        sides = {OURS: stack.enter_context(ours)}
        for name, (script, package) in PEERS[database].items():
            python = {"python": bench.peers} if package else {}
            url = bench.databases.empty(database)
            side = Side(script, bench.new_folder(name), {"url": url}, **python)
            try:
                sides[name] = stack.enter_context(side)
            except RuntimeError as error:
                record.lacks(f"{name} on {database} did not start: {str(error).splitlines()[-1]}")
        yield sides


def turn(bench: Bench, side: Side, cycles: int) -> Sample:
    """So many cycles of one side, and what the PostgreSQL server spent meanwhile."""
    before = cpu_of_tree(bench.databases.pid)
    told = side.run(cycles)
    server = cpu_of_tree(bench.databases.pid) - before
    milliseconds = {"cpu": told["cpu"], "wall": told["wall"], "server": server}
    return {name: seconds * 1000 / cycles for name, seconds in milliseconds.items()}


def note(record: Record, database: str, taken: dict[str, list[Sample]]) -> None:
    """CPU of each side, and ours by that of each peer."""
    ours = values(taken[OURS], "cpu")
    for name, samples in taken.items():
        aim = at_most(8) if name == OURS else None
        record.measure(f"{name}, {database}", "CPU ms", values(samples, "cpu"), aim)
        if database == POSTGRES:
            what = f"{name}, {database}: the server's own part"
            record.measure(what, "CPU ms", values(samples, "server"))
    for name, samples in taken.items():
        if name != OURS:
            record.ratio(database, name, ratios(ours, values(samples, "cpu")), Aim("at most", 1))
