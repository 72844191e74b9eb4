"""From an accepted kickoff, and from an accepted answer, to the start of the function.

Accepted is committed: the moment at which the job is about to be published. Beside it, a bare
publish to the start of a bare job. One at a time, to workers that wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from celery import Celery
from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.pairs import Sample, at, in_turn, ratios, values
from harness.record import Record, at_most
from harness.workers import Place, place, until_ready

from orchestrator.adapters.celery import BROKER_PATIENCE, CeleryJobs, make_celery
from orchestrator.jobs import Job
from orchestrator.ports import Ports
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.operations.health import health
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse
from orchestrator.wiring import make_ports

TITLE = "From accepted to started, one at a time"
KICKOFF, ANSWER, BARE = "kickoff", "answer", "a bare publish"
DEPLOYMENTS = {"prompt": "bench_jobs:prompt", "answered": "bench_jobs:answered"}


def run(bench: Bench) -> Record:
    """Median and 99th percentile of each round, in milliseconds."""
    rounds, samples = bench.rounds((9, 150), (1, 3))
    record = Record("start", TITLE, {"rounds": rounds, "samples in a round": samples})
    for database in (SQLITE, POSTGRES):
        note(record, database, on(bench, database, rounds, samples))
    return record


def on(bench: Bench, database: str, rounds: int, samples: int) -> dict[str, list[Sample]]:
    """All three in turn."""
    url = bench.databases.new(database)
    with (
        place(bench.new_folder("start"), url, DEPLOYMENTS) as here,
        here.worker("workers.app", "crews", "-c", "2"),
        here.worker("bare_jobs", "bare", "-c", "2"),
    ):
        published = Published(here.broker)
        ports = make_ports(here.settings, published.publish)
        until_ready(lambda: health(ports).is_ready)
        app = Celery("bare", broker=here.broker)
        app.conf.update(task_ignore_result=True, task_default_queue="bare")
        sides: dict[str, Callable[[], float]] = {
            KICKOFF: partial(of_kickoff, here, ports, published),
            ANSWER: partial(of_answer, here, ports, published),
            BARE: partial(of_bare, here, app),
        }
        taken = in_turn(
            {name: partial(turn, side, samples) for name, side in sides.items()}, rounds
        )
        ports.store.dispose()
    return taken


class Published:
    """Publishes, and keeps when it began to."""

    def __init__(self, broker: str) -> None:
        self._jobs = CeleryJobs(make_celery(broker, patience=BROKER_PATIENCE))
        self.at = 0.0

    def publish(self, job: Job) -> None:
        """Note the time, then send."""
        self.at = time.time()
        self._jobs.publish(job)


def turn(side: Callable[[], float], samples: int) -> Sample:
    """So many, one at a time, with a pause in which the worker begins to wait."""
    delays = []
    for _ in range(samples):
        delays.append(side() * 1000)
        time.sleep(0.005)
    return {"median": at(delays, 0.5), "p99": at(delays, 0.99)}


def of_kickoff(here: Place, ports: Ports, published: Published) -> float:
    """Seconds from the commit of a kickoff to the start of its function."""
    here.ends.expect(1)
    kickoff(ports, Kickoff("prompt", KickoffBody(inputs={}), "bench", "bench"))
    began = here.ends.started() - published.at
    here.ends.last()
    return began


def of_answer(here: Place, ports: Ports, published: Published) -> float:
    """Seconds from the commit of an approval to the start of the function that follows."""
    here.ends.expect(1)
    asked = Kickoff("answered", KickoffBody(inputs={}), "bench", "bench")
    execution_id = kickoff(ports, asked)["kickoff_id"]
    here.ends.last()
    here.ends.expect(1)
    said = {"execution_id": execution_id, "task_id": "write", "is_approve": True}
    body = parse(ResumeBody, {**said, "human_feedback": "fine"})
    answer(ports, Answer("answered", body, "bench", "api"))
    began = here.ends.started() - published.at
    here.ends.last()
    return began


def of_bare(here: Place, app: Celery) -> float:
    """Seconds from a bare publish to the start of the job."""
    here.ends.expect(1)
    published = time.time()
    app.send_task("timed")
    return here.ends.started() - published


def note(record: Record, database: str, taken: dict[str, list[Sample]]) -> None:
    """Delays, and ours by the bare one."""
    for quantity, shown in (("median", "median"), ("p99", "99th percentile")):
        for name, samples in taken.items():
            found = values(samples, quantity)
            record.measure(f"{name} to start, {shown} of a round, {database}", "ms", found)
        for name in (KICKOFF, ANSWER):
            paired = ratios(values(taken[name], quantity), values(taken[BARE], quantity))
            record.ratio(f"{name} to start, {shown}, {database}", BARE, paired, at_most(2))
