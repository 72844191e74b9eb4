"""A service beside very many executions that wait for a person, and beside as many that ended.

Two services at a time, one with a few hundred of them and one with all, measured in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import requests
from harness.bench import Bench
from harness.bulk import bytes_of, write_copies
from harness.databases import POSTGRES, SQLITE
from harness.machine import memory_of
from harness.pairs import Sample, at, in_turn, ratios, values
from harness.record import Record, at_most
from harness.serving import Serving, by_name, serving
from start import Published

from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.secret_key import LOOKED_AT
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse
from orchestrator.wiring import make_ports

TITLE = "Beside executions that wait, and beside executions that ended"
DEPLOYMENTS = {"answered": "bench_jobs:answered"}
FEW, MANY = "with a few hundred", "with many"
HUNDREDS = LOOKED_AT
"""So many the other service has: a list shows a page of them, doctor tries as many with its keys,
and neither is quicker for want of rows."""
TIMES = {
    "answer": "an accepted answer to its start",
    "reviews": "the list of what waits",
    "status": "the status of an execution",
    "metrics": "/metrics",
    "doctor": "doctor",
    "sweep": "a sweep",
}


def run(bench: Bench) -> Record:
    """Times of both services and their ratios; memory, keys, idle CPU, and bytes for each."""
    rounds, samples = bench.rounds((9, 20), (1, 2))
    counts = {SQLITE: 100_000, POSTGRES: 1_000_000}
    if bench.form != "long":
        counts = dict.fromkeys(counts, 10_000)
    scale = {"rounds": rounds, "samples in a round": samples, **counts}
    record = Record("waiting", TITLE, scale)
    for database, count in counts.items():
        for state in ("waiting", "finished"):
            compare(bench, record, database, count, state)
    return record


def compare(bench: Bench, record: Record, database: str, count: int, state: str) -> None:
    """One database with so many in that state, beside one with a page of them."""
    urls = {FEW: bench.databases.new(database), MANY: bench.databases.new(database)}
    with (
        serving(bench, urls[FEW], DEPLOYMENTS) as first,
        serving(bench, urls[MANY], DEPLOYMENTS) as second,
    ):
        sides = {FEW: Beside(first, urls[FEW]), MANY: Beside(second, urls[MANY])}
        where = f"{count:,} {state}, {database}"
        fill(record, sides[MANY], urls[MANY], count, state, where)
        write_copies(urls[FEW], sides[FEW].finished_or_halted(state), HUNDREDS)
        for url in urls.values():
            bench.databases.tidy(url)  # as PostgreSQL does by itself a minute or two later
        rounds, samples = record.scale["rounds"], record.scale["samples in a round"]
        turns = {name: partial(side.turn, samples) for name, side in sides.items()}
        note_times(record, where, in_turn(turns, rounds))
        idle(bench, record, where, sides)
        for side in sides.values():
            side.ports.store.dispose()


def fill(record: Record, side: Beside, url: str, count: int, state: str, where: str) -> None:
    """Write the copies of one that the service itself ran, and wait until they are counted."""
    execution_id = side.finished_or_halted(state)
    before = bytes_of(url)
    began = time.monotonic()
    write_copies(url, execution_id, count)
    record.measure(f"made in bulk, {where}", "s", [time.monotonic() - began])
    record.measure(f"bytes for each, {where}", "B", [(bytes_of(url) - before) / count])
    while side.ports.store.transact(lambda tx: tx.figures.fold()):
        pass


def note_times(record: Record, where: str, taken: dict[str, list[Sample]]) -> None:
    """Milliseconds of each call, and with many by with few."""
    for key, what in TIMES.items():
        many, none = (values(taken[side], key) for side in (MANY, FEW))
        record.measure(f"{what}, {where}", "ms", many)
        record.ratio(f"{what}, {where}", FEW, ratios(many, none), at_most(1.2))


def idle(bench: Bench, record: Record, where: str, sides: dict[str, Beside]) -> None:
    """CPU of both while neither has anything to do, their memory, and their brokers' keys."""
    seconds = bench.scale(20, 3)
    before = {name: side.here.cpu() for name, side in sides.items()}
    time.sleep(seconds)
    for name, side in sides.items():
        spent = (side.here.cpu() - before[name]) * 1000 / seconds
        record.measure(f"idle {name}, {where}", "CPU ms a second", [spent])
    for name, side in sides.items():
        held = sum(memory_of(each) for each in by_name(side.here.pid).values())
        record.measure(f"memory {name}, {where}", "MB", [held / 1e6])
        record.measure(f"keys in the broker {name}, {where}", "keys", [side.here.ends.keys()])


class Beside:
    """One service, called from here and over HTTP."""

    def __init__(self, here: Serving, url: str) -> None:
        self.here = here
        service = here.service
        self._published = Published(service.environment["BENCH_REDIS_CELERY"])
        settings = Settings(data=service.data, deployments=service.deployments, database_url=url)
        self.ports: Ports = make_ports(settings, self._published.publish)
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {service.token}"
        self._halted = ""

    def turn(self, samples: int) -> Sample:
        """The median of so many of each, in ms."""
        self._halted = self.halted()
        calls: dict[str, Callable[[], float]] = {
            "answer": self._answer,
            "reviews": partial(self._get, "/v1/reviews"),
            "status": partial(self._get, f"/crews/answered/status/{self._halted}"),
            "metrics": partial(self._get, "/metrics"),
            "doctor": partial(timed, partial(examine, self.ports)),
            "sweep": partial(timed, partial(sweep, self.ports)),
        }
        taken = {
            name: at([call() * 1000 for _ in range(samples)], 0.5) for name, call in calls.items()
        }
        self.approve(self._halted)
        return taken

    def halted(self) -> str:
        """An execution that waits for a person."""
        self.here.ends.expect(1)
        asked = Kickoff("answered", KickoffBody(inputs={}), "bench", "bench")
        execution_id = str(kickoff(self.ports, asked)["kickoff_id"])
        self.here.ends.last()
        return execution_id

    def finished_or_halted(self, state: str) -> str:
        """An execution in one of the two states that are compared."""
        execution_id = self.halted()
        if state == "finished":
            self.approve(execution_id)
        return execution_id

    def approve(self, execution_id: str) -> float:
        """Seconds from the commit of the answer to the start of what follows."""
        self.here.ends.expect(1)
        said = {"execution_id": execution_id, "task_id": "write", "is_approve": True}
        body = parse(ResumeBody, {**said, "human_feedback": "fine"})
        answer(self.ports, Answer("answered", body, "bench", "api"))
        began = self.here.ends.started() - self._published.at
        self.here.ends.last()
        return began

    def _answer(self) -> float:
        return self.approve(self.halted())

    def _get(self, path: str) -> float:
        return timed(lambda: self._session.get(self.here.service.url + path).raise_for_status())


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
