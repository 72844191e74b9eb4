"""Ten thousand answers at once, and what becomes of another deployment's kickoffs meanwhile.

The executions that wait are written in bulk, as ``bench-waiting`` does. They are answered as fast
as one process can; every half second another deployment is kicked off, and waited for to start.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness.bench import Bench
from harness.bulk import write_copies
from harness.databases import POSTGRES, SQLITE
from harness.pairs import at
from harness.record import Record, at_most
from harness.serving import Serving, serving
from sqlalchemy import select
from start import Published

from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.sql.schema import reviews
from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse
from orchestrator.wiring import make_ports

TITLE = "A storm of answers, and the kickoffs of another deployment meanwhile"
STORMY, CALM = "stormy", "calm"
DEPLOYMENTS = {STORMY: "bench_jobs:reviewed", CALM: "bench_jobs:unheard"}
THREADS = 4
EVERY = 0.5
"""Seconds between two kickoffs of the calm deployment."""


def run(bench: Bench) -> Record:
    """Answers accepted and finished in a second; delays of the other's starts, in ms."""
    count = {"long": 10_000, "brief": 3_000, "short": 50}[bench.form]
    record = Record("storm", TITLE, {"answers": count})
    for database in (SQLITE, POSTGRES):
        url = bench.databases.new(database)
        with serving(bench, url, DEPLOYMENTS) as here:
            storm = Storm(here, url)
            alone = [storm.start_of_calm() for _ in range(bench.scale(20, 2))]
            storm.prepare(count)
            storm.break_loose()
            note(record, database, storm, alone)
            storm.ports.store.dispose()
    return record


def note(record: Record, database: str, storm: Storm, alone: list[float]) -> None:
    """Rates, and delays beside those without a storm."""
    answered, ended = storm.answered - storm.began, storm.ended - storm.began
    record.measure(f"answers accepted, {database}", "a second", [storm.count / answered])
    record.measure(f"executions that ended, {database}", "a second", [storm.count / ended])
    starts = [each * 1000 for each in storm.starts]
    before = [each * 1000 for each in alone]
    record.measure(f"kickoff of another deployment to its start, alone, {database}", "ms", before)
    what = f"the same during the storm, {database}"
    record.measure(what, "ms", starts, at_most(1000, of="most"))
    what = f"99th percentile of these, {database}"
    record.measure(what, "ms", [at(starts, 0.99)])


class Storm:
    """One service, and what happens to it. Times are seconds."""

    def __init__(self, here: Serving, url: str) -> None:
        self._here = here
        self._url = url
        service = here.service
        self._calm = Published(service.environment["BENCH_REDIS_CELERY"])
        self._settings = Settings(
            data=service.data, deployments=service.deployments, database_url=url
        )
        self.ports = make_ports(self._settings, self._calm.publish)
        self._answering = self._ports_that_publish()
        self._waiting: list[str] = []
        self._over = threading.Event()
        self.starts: list[float] = []
        self.count = 0
        self.began = self.answered = self.ended = 0.0

    def _ports_that_publish(self) -> Ports:
        own = Published(self._here.service.environment["BENCH_REDIS_CELERY"])
        return make_ports(self._settings, own.publish)

    def start_of_calm(self) -> float:
        """Seconds from an accepted kickoff of the calm deployment to its start, by itself."""
        time.sleep(EVERY / 10)  # the worker begins to wait again
        return self._kick_off_calm()

    def _kick_off_calm(self) -> float:
        kickoff(self.ports, Kickoff(CALM, KickoffBody(inputs={}), "bench", "bench"))
        published = self._calm.at
        return self._here.ends.started() - published

    def prepare(self, count: int) -> None:
        """So many executions wait for a person."""
        self._here.ends.expect(1)
        asked = Kickoff(STORMY, KickoffBody(inputs={}), "bench", "bench")
        execution_id = str(kickoff(self.ports, asked)["kickoff_id"])
        self._here.ends.last()
        write_copies(self._url, execution_id, count - 1)
        engine = make_engine(self._url)
        with engine.connect() as connection:
            self._waiting = list(connection.scalars(select(reviews.c.execution_id)))
        engine.dispose()
        self.count = len(self._waiting)

    def break_loose(self) -> None:
        """Answer all of them, and kick the calm one off until the last of them has ended."""
        ended = threading.Thread(target=self._await_ends)
        self._here.ends.expect(self.count)
        self.began = time.time()
        ended.start()
        calm = threading.Thread(target=self._kick_off_now_and_then)
        calm.start()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._answer, self._waiting))
        self.answered = time.time()
        ended.join()
        calm.join()
        self._answering.store.dispose()

    def _await_ends(self) -> None:
        self.ended = self._here.ends.last()
        self._over.set()

    def _kick_off_now_and_then(self) -> None:
        self.starts.append(self._kick_off_calm())  # a short storm may be over before the next
        while not self._over.wait(EVERY):
            self.starts.append(self._kick_off_calm())

    def _answer(self, execution_id: str) -> None:
        said = {"execution_id": execution_id, "task_id": "write", "is_approve": True}
        body = parse(ResumeBody, {**said, "human_feedback": "fine"})
        answer(self._answering, Answer(STORMY, body, "bench", "api"))
