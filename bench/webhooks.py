"""Deliveries beside a bare loop that POSTs, and what a receiver that hangs costs the others.

All go to one endpoint that answers at once. Throughput: the worker is stopped while its deliveries
are committed; the time runs from then until the last one has arrived. Delay: from the commit to the
arrival, one at a time, alone and while another endpoint, which was well before, answers nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_urlsafe

import requests
from celery import Celery, Signature
from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.pairs import Sample, at, in_turn, ratios, values
from harness.record import BENCH, Record, at_least, at_most
from harness.sides import Side
from harness.workers import Worker, place
from start import Published
from webhook_rows import BODY, add_endpoints, new_delivery, new_execution

from orchestrator.domain.endpoint import signing_secret
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.webhooks.wake import wake_endpoints
from orchestrator.wiring import make_ports

TITLE = "Webhooks: deliveries beside a bare loop, and beside a receiver that hangs"
OURS, LOOP, JOBS = "Crew Orchestrator", "a bare loop", "one Celery job for each"
ALONE, BESIDE = "alone", "beside one that hangs"
THREADS = 4
"""How many requests one endpoint gets at a time; the others have as many threads."""

SECRET = signing_secret(token_urlsafe(32))
SETTINGS = {
    "ORCHESTRATOR_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    "ORCHESTRATOR_WEBHOOK_SECRET": SECRET,
}
EVERY = 0.02
"""Seconds between two deliveries whose delay is measured."""

AFTERWARDS = 0.3
"""Seconds in which is recorded what has arrived last."""

HANGING = 100
"""Deliveries that are due at the endpoint that hangs."""


def run(bench: Bench) -> Record:
    """A second's deliveries, and delays in ms; then the same with many endpoints in the table."""
    rounds, deliveries = bench.rounds((9, 2000), (1, 100))
    samples, endpoints = bench.scale((100, 10_000), (5, 50))
    scale = {"rounds": rounds, "deliveries in a round": deliveries, "delays in a round": samples}
    record = Record("webhooks", TITLE, {**scale, "endpoints in the table": endpoints})
    for database in (SQLITE, POSTGRES):
        with on(bench, database) as here:
            here.begin()
            note(record, database, here.rates(rounds, deliveries), here.delays(rounds, samples))
            add_endpoints(here.ports, endpoints)
            where = f"{database}, {endpoints:,} endpoints"
            note(record, where, here.rates(rounds, deliveries), here.delays(rounds, samples))
    return record


@contextmanager
def on(bench: Bench, database: str) -> Iterator[Webhooks]:
    """Workers, a sweep, and two receivers: one of them may hang."""
    url, folder = bench.databases.new(database), bench.new_folder("webhooks")
    with ExitStack() as stack:
        well, ill = (stack.enter_context(receiver()) for _ in range(2))
        here = stack.enter_context(place(folder, url, {"bench": "bench_jobs:unheard"}, **SETTINGS))
        options = ("-P", "threads", "-c")
        ours = stack.enter_context(here.worker("workers.app", "webhooks", *options, "10"))
        jobs = stack.enter_context(here.worker("bare_jobs", "bare", *options, str(THREADS)))
        stack.enter_context(here.sweep())
        loop = stack.enter_context(
            Side(
                "sides/post_loop.py",
                bench.new_folder("loop"),
                {"url": f"{well}/fast", "threads": THREADS, "body": BODY, "secret": SECRET},
            )
        )
        published = Published(here.broker)
        ports = make_ports(here.settings, published.publish)
        app = Celery("bare", broker=here.broker)
        app.conf.update(task_ignore_result=True, task_default_queue="bare")
        post = app.signature("post", args=(f"{well}/fast", BODY))
        yield Webhooks(ports, published, well, ill, ours, jobs, loop, post)
        ports.store.dispose()


@dataclass
class Webhooks:
    """What deliveries are committed to, and who else sends the same."""

    ports: Ports
    published: Published
    well: str
    ill: str
    ours: Worker
    jobs: Worker
    loop: Side
    post: Signature

    def begin(self) -> None:
        """Both receivers come to be known as well."""
        requests.get(f"{self.ill}/let-go", timeout=5)
        self._commit(f"{self.ill}/hang", 1)
        self.deliver(1)

    def rates(self, rounds: int, count: int) -> dict[str, list[Sample]]:
        """Deliveries a second of each in turn; Celery's jobs, which are slow, get a tenth."""
        sides = {
            OURS: partial(self.deliver, count),
            LOOP: partial(self._bare, count // THREADS * THREADS),
            JOBS: partial(self._by_jobs, count // 10),
        }
        return in_turn(sides, rounds)

    def deliver(self, count: int) -> Sample:
        """Ours, committed in one transaction while the worker is stopped."""
        self._get("expect", count)
        with self.ours.paused():
            self._commit(f"{self.well}/fast", count)
            spent, began = self.ours.cpu_of_all(), time.time()
        return self._rate(count, began) | {"cpu": (self.ours.cpu_of_all() - spent) * 1000 / count}

    def _bare(self, count: int) -> Sample:
        taken = self.loop.run(count)
        return {"rate": count / taken["wall"], "cpu": taken["cpu"] * 1000 / count}

    def _by_jobs(self, count: int) -> Sample:
        self._get("expect", count)
        with self.jobs.paused():
            for _ in range(count):
                self.post.apply_async()
            began = time.time()
        return self._rate(count, began)

    def _rate(self, count: int, began: float) -> Sample:
        seconds = float(self._get("last")) - began
        time.sleep(AFTERWARDS)
        return {"rate": count / seconds}

    def delays(self, rounds: int, samples: int) -> dict[str, list[Sample]]:
        """Delays alone and beside an endpoint that hangs, in turn."""
        sides = {
            ALONE: partial(self._delays, samples),
            BESIDE: partial(self._beside, samples),
        }
        return in_turn(sides, rounds)

    def _beside(self, samples: int) -> Sample:
        """It holds its threads for all of this time: a try ends after 15 s."""
        requests.get(f"{self.ill}/hold", timeout=5)
        self._commit(f"{self.ill}/hang", HANGING)
        time.sleep(AFTERWARDS)
        taken = self._delays(samples)
        requests.get(f"{self.ill}/let-go", timeout=5)
        time.sleep(AFTERWARDS)
        return taken

    def _delays(self, samples: int) -> Sample:
        self._get("expect", samples)
        sent = {}
        for _ in range(samples):
            (delivery_id,) = self._commit(f"{self.well}/fast", 1)
            sent[delivery_id] = self.published.at
            time.sleep(EVERY)
        self._get("last")
        arrived = requests.get(f"{self.well}/arrivals", timeout=5).json()
        taken = [(arrived[each] - committed) * 1000 for each, committed in sent.items()]
        return {"median": at(taken, 0.5), "p99": at(taken, 0.99)}

    def _get(self, path: str, count: int | None = None) -> str:
        asked = f"{self.well}/{path}" + ("" if count is None else f"?{count}")
        return requests.get(asked, timeout=300).text

    def _commit(self, url: str, count: int) -> list[str]:
        """Write deliveries to an endpoint, as an execution's transaction does."""

        def write(tx: Transaction) -> list[str]:
            now = self.ports.clock.now()
            endpoint_id = tx.endpoints.ensure("bench", url, None, now)
            execution = new_execution(self.ports)
            tx.executions.add(execution)
            about = (self.ports, execution.id, endpoint_id)
            deliveries = [new_delivery(*about, number, timedelta()) for number in range(count)]
            tx.deliveries.add(deliveries)
            wake_endpoints(tx, [endpoint_id], now)
            return [delivery.id for delivery in deliveries]

        return self.ports.store.transact(write)


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver in a process of its own; gives its URL."""
    command = [sys.executable, str(Path(BENCH) / "sides" / "receiver.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def note(
    record: Record,
    where: str,
    rates: dict[str, list[Sample]],
    delays: dict[str, list[Sample]],
) -> None:
    """Rates, CPU, delays, and the ratios."""
    for name, samples in rates.items():
        record.measure(f"{name}, {where}", "deliveries a second", values(samples, "rate"))
    for name in (OURS, LOOP):
        record.measure(f"a delivery of {name}, {where}", "CPU ms", values(rates[name], "cpu"))
    ours = values(rates[OURS], "rate")
    for name, aim in ((LOOP, at_least(0.8)), (JOBS, None)):
        paired = ratios(ours, values(rates[name], "rate"))
        record.ratio(f"deliveries a second, {where}", name, paired, aim)
    for quantity, shown in (("median", "median"), ("p99", "99th percentile")):
        for name, samples in delays.items():
            what = f"commit to arrival {name}, {shown} of a round, {where}"
            record.measure(what, "ms", values(samples, quantity))
        paired = ratios(values(delays[BESIDE], quantity), values(delays[ALONE], quantity))
        what = f"commit to arrival {BESIDE}, {shown}, {where}"
        record.ratio(what, "the same alone", paired, at_most(1.5, of="high"))
