"""Kickoff, halt, approval and end in one process, beside others that can wait for a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from harness.bench import PYTHON, Bench
from harness.databases import POSTGRES, SQLITE
from harness.machine import cpu_of_tree
from harness.pairs import Sample, in_turn, ratios, values
from harness.record import Record, at_most
from harness.sides import Restarted, Side

TITLE = "A cycle of kickoff, halt, approval and end, in one process"
OURS = "Crew Orchestrator"


@dataclass(frozen=True, slots=True)
class Peer:
    """A script, the package of the peers' environment that it shows, and how seldom it is asked.

    ``fewer``: the part of a round's cycles that it goes through, for those that take long for one
    or wait for a poll of their own in each. Its figures are of one cycle, as everybody's.
    """

    script: str
    package: str = ""
    fewer: int = 1


LANGGRAPH = Peer("peers/langgraph_cycle.py", "langgraph")
PEERS = {
    SQLITE: {
        "LangGraph": LANGGRAPH,
        "DBOS": Peer("peers/dbos_cycle.py", "dbos", fewer=40),
        "awaithumans": Peer("peers/awaithumans_cycle.py", "awaithumans", fewer=3),
        "CrewAI": Peer("sides/crewai_cycle.py"),
    },
    POSTGRES: {
        "LangGraph": LANGGRAPH,
        "DBOS": Peer("peers/dbos_cycle.py", "dbos"),
    },
}


def run(bench: Bench) -> Record:
    """CPU of the process for each cycle; that of the PostgreSQL server beside it."""
    rounds, cycles = bench.rounds((15, 120), (2, 2))
    record = Record("cycle", TITLE, {"rounds": rounds, "cycles in a round": cycles})
    for database in (SQLITE, POSTGRES):
        with sides_on(bench, database, record) as sides:
            fewer = {OURS: 1} | {name: peer.fewer for name, peer in PEERS[database].items()}
            turns = {
                name: partial(turn, bench, side, max(1, cycles // fewer[name]))
                for name, side in sides.items()
            }
            note(record, database, in_turn(turns, rounds, warm_up=bench.scale(2, 1)))
            note_gave_up(record, database, sides)
    return record


@contextmanager
def sides_on(bench: Bench, database: str, record: Record) -> Iterator[dict[str, Side | Restarted]]:
    """Ours and every peer that starts; one that does not is named in the record."""
    with ExitStack() as stack:
        ours = Side(
            "sides/ours.py", bench.new_folder("ours"), {"url": bench.databases.new(database)}
        )
        sides: dict[str, Side | Restarted] = {OURS: stack.enter_context(ours)}
        for name, peer in PEERS[database].items():
            make = partial(new_peer, bench, database, name, peer)
            try:
                sides[name] = stack.enter_context(Restarted(make))
            except RuntimeError as error:
                record.lacks(f"{name} on {database} did not start: {str(error).splitlines()[-1]}")
        yield sides


def new_peer(bench: Bench, database: str, name: str, peer: Peer) -> Side:
    """A peer with an empty database."""
    url = bench.databases.empty(database)
    python = bench.peers if peer.package else PYTHON
    return Side(peer.script, bench.new_folder(name), {"url": url}, python=python)


def turn(bench: Bench, side: Side | Restarted, cycles: int) -> Sample:
    """So many cycles of one side, and what the PostgreSQL server spent meanwhile."""
    before = cpu_of_tree(bench.databases.pid)
    told = side.run(cycles)
    if not told:
        return {}
    server = cpu_of_tree(bench.databases.pid) - before
    milliseconds = {"cpu": told["cpu"], "wall": told["wall"], "server": server}
    return {name: seconds * 1000 / cycles for name, seconds in milliseconds.items()}


def note(record: Record, database: str, taken: dict[str, list[Sample]]) -> None:
    """CPU of each side, and ours by that of each peer in the turns that it came through."""
    for name, samples in taken.items():
        through = [each for each in samples if each]
        if not through:
            continue
        aim = at_most(8) if name == OURS else None
        record.measure(f"{name}, {database}", "CPU ms", values(through, "cpu"), aim)
        if database == POSTGRES:
            what = f"{name}, {database}: the server's own part"
            record.measure(what, "CPU ms", values(through, "server"))
    for name, samples in taken.items():
        pairs = [pair for pair in zip(taken[OURS], samples, strict=True) if pair[1]]
        if name != OURS and pairs:
            ours, theirs = (values(side, "cpu") for side in zip(*pairs, strict=True))
            record.ratio(database, name, ratios(ours, theirs), at_most(1))


def note_gave_up(record: Record, database: str, sides: dict[str, Side | Restarted]) -> None:
    """How often a peer ended in the middle of a turn; it was started again."""
    for name, side in sides.items():
        if isinstance(side, Restarted) and side.gave_up:
            times = len(side.gave_up)
            record.lacks(f"{name} on {database} gave up {times} times: {side.gave_up[-1]}")
