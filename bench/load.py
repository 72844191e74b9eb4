"""``POST /kickoff`` and ``POST /resume`` with fifty clients at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.machine import tree
from harness.pairs import Sample, ratios, values
from harness.record import BENCH, Aim, Record, at_least, at_most
from harness.serving import REVIEWED, Serving, serving
from harness.sides import Side
from harness.workers import until_ready
from processes import free_port

TITLE = "Fifty clients at once"
CLIENTS = 50
ALONE, AT_WORK = "workers stopped", "workers at work"
BARE = "a bare FastAPI with one row and one Celery job"


def run(bench: Bench) -> Record:
    """Requests a second, their latencies, and what was refused."""
    rounds, count = bench.rounds((7, 600), (1, 60))
    record = Record("load", TITLE, {"rounds": rounds, "requests in a round": count})
    sides = (
        (SQLITE, SQLITE, 1),
        (f"{SQLITE}, two API processes of ours", SQLITE, 2),
        (POSTGRES, POSTGRES, 1),
    )
    for where, database, processes in sides:
        more = {"api_processes": str(processes)}
        with (
            serving(bench, bench.databases.new(database), REVIEWED, **more) as here,
            bare_api(bench, here, bench.databases.empty(database)) as port,
            clients(bench, here.service.port, "/crews/reviewed/{call}", here.service.token) as ours,
            clients(bench, port, "/kickoff", "none") as theirs,
        ):
            taken = in_rounds(here, ours, theirs, rounds, count)
        note(record, where, at_least(300) if database == SQLITE else None, taken)
    return record


def clients(bench: Bench, port: int, path: str, token: str) -> Side:
    """A process that is fifty clients."""
    arguments = {"port": port, "path": path, "token": token, "clients": CLIENTS}
    return Side("sides/client.py", bench.new_folder("clients"), arguments)


def in_rounds(
    here: Serving, ours: Side, theirs: Side, rounds: int, count: int
) -> dict[str, list[Sample]]:
    """Each round the bare API, then ours with its workers stopped and at work; one warms up."""
    taken: dict[str, list[Sample]] = {}
    for number in range(-1, rounds):
        found = {BARE: theirs.run(count, call="bare")}
        for how in (ALONE, AT_WORK) if number % 2 else (AT_WORK, ALONE):
            here.ends.expect(count)
            with stopped(here) if how == ALONE else nothing():
                found[f"kickoff, {how}"] = ours.run(count, call="kickoff")
            here.ends.last()
            here.ends.expect(count)
            with stopped(here) if how == ALONE else nothing():
                found[f"resume, {how}"] = ours.run(count, call="resume")
            here.ends.last()
        if number >= 0:
            for name, sample in found.items():
                taken.setdefault(name, []).append(sample)
    return taken


@contextmanager
def stopped(here: Serving) -> Iterator[None]:
    """While its crew workers do nothing."""
    processes = tree(here.service.process("crews").pid)
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGCONT)


@contextmanager
def nothing() -> Iterator[None]:
    """As it is."""
    yield


@contextmanager
def bare_api(bench: Bench, here: Serving, database: str) -> Iterator[int]:
    """The bare API in a process of its own, beside the service's broker; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bare_api:app", "--port", str(port)]
    environment = {
        **os.environ,
        "BENCH_DATABASE": database,
        "BENCH_BROKER": here.service.environment["BENCH_REDIS_CELERY"],
        "PYTHONPATH": str(BENCH / "peers"),
    }
    with (bench.new_folder("bare-api") / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--log-level", "error"], env=environment, stdout=log, stderr=log
        )
    try:
        until_ready(lambda: psutil.Process(process.pid).net_connections())
        yield port
    finally:
        process.terminate()
        process.wait()


def note(record: Record, where: str, aim: Aim | None, taken: dict[str, list[Sample]]) -> None:
    """Rates with their aim, latencies, refusals, and the bare API beside them."""
    for name, samples in taken.items():
        what = f"{name}, {where}"
        rate = values(samples, "rate")
        record.measure(what, "requests a second", rate, None if name == BARE else aim)
        record.measure(f"{what}: median", "ms", values(samples, "median"))
        record.measure(f"{what}: 99th percentile", "ms", values(samples, "p99"))
        if name != BARE:
            failed = values(samples, "5xx")
            record.measure(f"{what}: answers 5xx", "in a round", failed, at_most(0, "most"))
            paired = ratios(rate, values(taken[BARE], "rate"))
            record.ratio(f"requests a second, {what}", BARE, paired)
