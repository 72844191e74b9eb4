"""The cycle over HTTP and Celery, all processes of a service counted, beside LangGraph in one."""

from __future__ import annotations

from functools import partial

import requests
from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.machine import cpu_of_tree
from harness.pairs import Sample, in_turn, ratios, values
from harness.record import Record, at_most
from harness.serving import REVIEWED, Serving, serving
from harness.sides import Side

TITLE = "The same cycle over HTTP and Celery, all processes of the service counted"
OURS, BESIDE = "Crew Orchestrator", "LangGraph in one process"


def run(bench: Bench) -> Record:
    """CPU of all processes for each cycle, in all and by process."""
    rounds, cycles = bench.rounds((9, 100), (1, 3))
    record = Record("service_cycle", TITLE, {"rounds": rounds, "cycles in a round": cycles})
    for database in (SQLITE, POSTGRES):
        url = bench.databases.empty(database)
        peer = Side(
            "peers/langgraph_cycle.py", bench.new_folder("langgraph"), {"url": url}, bench.peers
        )
        with (
            serving(bench, bench.databases.new(database), REVIEWED) as here,
            peer,
            requests.Session() as session,
        ):
            session.headers["Authorization"] = f"Bearer {here.service.token}"
            sides = {
                OURS: partial(turn, bench, here, session, cycles),
                BESIDE: partial(beside, peer, cycles),
            }
            note(record, database, in_turn(sides, rounds))
    return record


def turn(bench: Bench, here: Serving, session: requests.Session, cycles: int) -> Sample:
    """So many cycles, one after the other."""
    spent, server = here.cpu_by_process(), cpu_of_tree(bench.databases.pid)
    for _ in range(cycles):
        cycle(here, session)
    now = here.cpu_by_process()
    taken = {name: (now[name] - before) * 1000 / cycles for name, before in spent.items()}
    server = (cpu_of_tree(bench.databases.pid) - server) * 1000 / cycles
    return {**taken, "all": sum(taken.values()), "PostgreSQL": server}


def cycle(here: Serving, session: requests.Session) -> None:
    """Kick off, hear of the halt, approve, hear of the end."""
    base = f"{here.service.url}/crews/reviewed"
    here.ends.expect(1)
    answer = session.post(f"{base}/kickoff", json={"inputs": {}}, timeout=30)
    answer.raise_for_status()
    here.ends.last()
    here.ends.expect(1)
    body = {
        "execution_id": answer.json()["kickoff_id"],
        "task_id": "write",
        "is_approve": True,
        "human_feedback": "fine",
    }
    session.post(f"{base}/resume", json=body, timeout=30).raise_for_status()
    here.ends.last()


def beside(peer: Side, cycles: int) -> Sample:
    """The peer's turn."""
    return {"all": peer.run(cycles)["cpu"] * 1000 / cycles}


def note(record: Record, database: str, taken: dict[str, list[Sample]]) -> None:
    """All of it, what each process has of it, and the ratio."""
    ours, theirs = values(taken[OURS], "all"), values(taken[BESIDE], "all")
    record.measure(f"{OURS}, {database}: all processes", "CPU ms", ours)
    for name in sorted(taken[OURS][0].keys() - {"all", "PostgreSQL"}):
        record.measure(f"of it {name}, {database}", "CPU ms", values(taken[OURS], name))
    if database != SQLITE:
        server = values(taken[OURS], "PostgreSQL")
        record.measure(f"the PostgreSQL server besides, {database}", "CPU ms", server)
    record.measure(f"{BESIDE}, {database}", "CPU ms", theirs)
    record.ratio(database, BESIDE, ratios(ours, theirs), at_most(2))
