"""A step: chains of functions through real workers, beside chains of bare Celery jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench_jobs import STEPS
from celery import Celery, chain
from harness.bench import Bench
from harness.databases import POSTGRES, SQLITE
from harness.pairs import Sample, in_turn, median_of, ratios, values
from harness.record import Record, at_least, at_most
from harness.workers import Place, Worker, place, until_ready

from orchestrator.ports import Ports
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.operations.health import health
from orchestrator.wire.requests import KickoffBody
from orchestrator.wiring import make_ports

TITLE = f"A step: executions of {STEPS} functions through real workers, beside bare Celery chains"
OURS, BARE = "Crew Orchestrator", "bare Celery jobs"


def run(bench: Bench) -> Record:
    """Steps a second and CPU of a step, by database and number of worker processes."""
    rounds, executions = bench.rounds((11, 60), (1, 8))
    record = Record("step", TITLE, {"rounds": rounds, "executions in a round": executions})
    for database in (SQLITE, POSTGRES):
        rates = {}
        for processes in bench.scale((1, 2, 4), (2,)):
            taken = on(bench, database, processes, rounds, executions)
            rates[processes] = values(taken[OURS], "rate")
            note(record, database, processes, taken)
        if 2 in rates and 1 in rates:
            grown = ratios(rates[2], rates[1])
            aim = at_least(1.1) if database == POSTGRES else None
            record.ratio(
                f"steps a second with two processes, {database}", "one process", grown, aim
            )
    return record


def on(
    bench: Bench, database: str, processes: int, rounds: int, executions: int
) -> dict[str, list[Sample]]:
    """Both in turn, each with so many processes that do nothing while the other works."""
    url = bench.databases.new(database)
    options = ("-c", str(processes))
    with (
        place(bench.new_folder("step"), url, {"chain": "bench_jobs:chain"}) as here,
        here.worker("workers.app", "crews", *options) as our_worker,
        here.worker("bare_jobs", "bare", *options) as bare_worker,
    ):
        ports = make_ports(here.settings)
        until_ready(lambda: health(ports).is_ready)
        sides = {
            OURS: partial(turn, here, our_worker, executions, partial(start_ours, ports)),
            BARE: partial(turn, here, bare_worker, executions, start_bare(here)),
        }
        taken = in_turn(sides, rounds, warm_up=bench.scale(2, 1))
        ports.store.dispose()
    return taken


def turn(here: Place, worker: Worker, executions: int, start: Callable[[], object]) -> Sample:
    """Give a stopped worker its work, let it go on, and hear of the last end."""
    here.ends.expect(executions)
    with worker.paused():
        for _ in range(executions):
            start()
        spent, spent_by_all = worker.cpu(), worker.cpu_of_all()
        began = time.time()
    seconds = here.ends.last() - began
    steps = executions * STEPS
    return {
        "rate": steps / seconds,
        "child": (worker.cpu() - spent) * 1000 / steps,
        "worker": (worker.cpu_of_all() - spent_by_all) * 1000 / steps,
    }


def start_ours(ports: Ports) -> None:
    """Kick off one execution."""
    kickoff(ports, Kickoff("chain", KickoffBody(inputs={}), "bench", "bench"))


def start_bare(here: Place) -> Callable[[], object]:
    """What sends one chain."""
    app = Celery("bare", broker=here.broker)
    app.conf.update(task_ignore_result=True, task_default_queue="bare")
    step, last = (app.signature(name, immutable=True) for name in ("step", "last"))
    return lambda: chain(*[step] * (STEPS - 1), last).apply_async()


def note(record: Record, database: str, processes: int, taken: dict[str, list[Sample]]) -> None:
    """Rates, CPU, and the ratio."""
    where = f"{database}, {processes} process{'es' if processes > 1 else ''}"
    for name, samples in taken.items():
        record.measure(f"{name}, {where}", "steps a second", values(samples, "rate"))
    child = values(taken[OURS], "child")
    record.measure(f"a step in the worker's child, {where}", "CPU ms", child, at_most(3))
    bare = values(taken[BARE], "child")
    record.measure(f"a bare job in the worker's child, {where}", "CPU ms", bare)
    aim = at_least(0.6) if processes == 2 else None
    paired = ratios(values(taken[OURS], "rate"), values(taken[BARE], "rate"))
    record.ratio(f"steps a second, {where}", "bare Celery jobs", paired, aim)
    assert median_of(taken[OURS], "rate") > 0
