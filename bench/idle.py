"""A service that has nothing to do, beside an idle Celery worker."""

from __future__ import annotations

import time

from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.machine import cpu_of_tree, memory_of
from harness.pairs import Sample, values
from harness.record import Record, at_most
from harness.serving import REVIEWED, Serving, by_name, serving
from harness.workers import place

TITLE = "A service with nothing to do"


def run(bench: Bench) -> Record:
    """CPU ms a second of all processes; both services and the peer idle at the same time."""
    rounds, seconds = bench.rounds((6, 20), (1, 2))
    record = Record("idle", TITLE, {"rounds": rounds, "seconds in a round": seconds})
    sqlite, postgres = (bench.databases.new(each) for each in (SQLITE, POSTGRES))
    with (
        serving(bench, sqlite, REVIEWED) as first,
        serving(bench, postgres, REVIEWED) as second,
        place(bench.new_folder("bare"), sqlite, REVIEWED) as bare,
        bare.worker("bare_jobs", "bare", "-c", "2") as peer,
    ):
        services = {SQLITE: first, POSTGRES: second}
        turns = [turn(bench, services, peer.pid, seconds) for _ in range(rounds)]
        memory = {
            name: [memory_of(each) for each in by_name(here.pid).values()]
            for name, here in services.items()
        }
        names = sorted(by_name(first.pid))
    for database in services:
        ours = values(turns, database)
        record.measure(f"all processes, {database}", "CPU ms a second", ours, at_most(5))
        for name in names:
            each = values(turns, f"{database}: {name}")
            record.measure(f"of it {name}, {database}", "CPU ms a second", each)
        record.measure(f"memory of all, {database}", "MB", [sum(memory[database]) / 1e6])
    record.measure("the PostgreSQL server besides", "CPU ms a second", values(turns, "server"))
    bare_worker = "a bare Celery worker with two processes"
    record.measure(bare_worker, "CPU ms a second", values(turns, "bare"))
    return record


def turn(bench: Bench, services: dict[str, Serving], peer: int, seconds: float) -> Sample:
    """Look, wait, look again."""
    before = spent(bench, services, peer)
    time.sleep(seconds)
    after = spent(bench, services, peer)
    return {name: (after[name] - value) * 1000 / seconds for name, value in before.items()}


def spent(bench: Bench, services: dict[str, Serving], peer: int) -> Sample:
    """Seconds of each so far."""
    found = {"bare": cpu_of_tree(peer), "server": cpu_of_tree(bench.databases.pid)}
    for database, here in services.items():
        by_process = here.cpu_by_process()
        found |= {f"{database}: {name}": each for name, each in by_process.items()}
        found[database] = sum(by_process.values())
    return found
