"""Five no-op tasks as an execution, against five no-op jobs as a Celery chain.

Same broker, same number of worker processes, one run. Prints both rates and latencies, and their
ratio. ``python bench/chain.py [executions]``
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from celery import Celery, chain

from orchestrator.adapters.sql import migrate
from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.ports import Ports
from orchestrator.settings import Settings
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.operations.health import health
from orchestrator.wire.requests import KickoffBody
from orchestrator.wiring import make_ports

TASKS = 5
PROCESSES = 2

STEPS = """
def one(): return "1"
def two(): return "2"
def three(): return "3"
def four(): return "4"
def five(): return "5"
crew = [one, two, three, four, five]
"""

NOOP = """
import os
from celery import Celery
app = Celery("noop", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_ignore_result=True, task_default_queue="noop", worker_prefetch_multiplier=1)
@app.task(name="noop")
def noop(done=None):
    if done:
        open(done, "a").write("x")
"""


def main() -> None:
    """Run both sides, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executions", nargs="?", type=int, default=200)
    count = parser.parse_args().executions
    with tempfile.TemporaryDirectory(prefix="bench-") as made, ExitStack() as stack:
        folder = Path(made)
        (folder / "steps.py").write_text(STEPS)
        (folder / "noop.py").write_text(NOOP)
        (folder / "deployments.toml").write_text('[deployments.steps]\nfunctions = "steps:crew"\n')
        settings = Settings(data=folder / "data", deployments=folder / "deployments.toml")
        settings.data.mkdir()
        broker = stack.enter_context(EmbeddedBroker(settings.data))
        migrate.upgrade(settings.resolved_database_url)
        ours = bench_executions(settings, folder, count)
        peers = bench_celery(broker.url, folder, count)
    print(f"{'':24}{'per second':>12}{'alone, p50 ms':>16}")
    print(f"{'executions of 5 tasks':24}{ours[0]:>12.1f}{ours[1] * 1000:>16.1f}")
    print(f"{'celery chains of 5':24}{peers[0]:>12.1f}{peers[1] * 1000:>16.1f}")
    print(f"{'ratio':24}{ours[0] / peers[0]:>12.2f}{ours[1] / peers[1]:>16.2f}")


def bench_executions(settings: Settings, folder: Path, count: int) -> tuple[float, float]:
    """Rate of many at once, and the median seconds of one at a time."""
    ports = make_ports(settings)
    environment = {
        "ORCHESTRATOR_DATA": str(settings.data),
        "ORCHESTRATOR_DEPLOYMENTS": str(settings.deployments),
        "ORCHESTRATOR_LOG_LEVEL": "error",
    }
    with worker("workers.app", "crews", folder, environment):
        until(lambda: health(ports).is_ready)
        alone = []
        for _ in range(20):
            began = time.perf_counter()
            execution_id = start(ports)
            until(lambda execution_id=execution_id: ended(ports, execution_id))
            alone.append(time.perf_counter() - began)
        began = time.perf_counter()
        ids = [start(ports) for _ in range(count)]
        until(
            lambda: all(ended(ports, each) for each in ids[-PROCESSES:]) and all_ended(ports, ids)
        )
        rate = count / (time.perf_counter() - began)
    ports.store.dispose()
    return rate, statistics.median(alone)


def start(ports: Ports) -> str:
    """Kick one execution off."""
    asked = Kickoff("steps", KickoffBody(inputs={}), "bench", "bench")
    return str(kickoff(ports, asked)["kickoff_id"])


def ended(ports: Ports, execution_id: str) -> bool:
    """Whether it has succeeded."""
    found = ports.store.read(lambda tx: tx.executions.get(execution_id))
    return found is not None and found.finished_at is not None


def all_ended(ports: Ports, ids: list[str]) -> bool:
    """Whether all have."""
    return all(ended(ports, each) for each in ids)


def bench_celery(url: str, folder: Path, count: int) -> tuple[float, float]:
    """The same for bare Celery; the last job of a chain notes its end in a file."""
    app = Celery("noop", broker=url)
    app.conf.update(task_ignore_result=True, task_default_queue="noop")
    noop = app.signature("noop", immutable=True)
    done = folder / "done"
    done.touch()
    last = app.signature("noop", kwargs={"done": str(done)}, immutable=True)
    links = [noop] * (TASKS - 1)
    with worker("noop", "noop", folder, {"BENCH_BROKER": url}):
        chain(*links, last).apply_async()
        until(lambda: done.stat().st_size == 1)
        alone = []
        for n in range(2, 22):
            began = time.perf_counter()
            chain(*links, last).apply_async()
            until(lambda n=n: done.stat().st_size == n)
            alone.append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(count):
            chain(*links, last).apply_async()
        until(lambda: done.stat().st_size == 21 + count)
        rate = count / (time.perf_counter() - began)
    return rate, statistics.median(alone)


@contextmanager
def worker(app: str, queue: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A prefork worker for as long as the context lasts."""
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queue]
    command += ["-c", str(PROCESSES), "--without-mingle", "--without-gossip", "-l", "ERROR"]
    everything = {**os.environ, **environment, "PYTHONPATH": str(folder)}
    process = subprocess.Popen(command, env=everything, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def until(condition: object) -> None:
    """Wait, with an end."""
    give_up = time.monotonic() + 300
    while not condition():  # type: ignore[operator]
        if time.monotonic() > give_up:
            raise TimeoutError
        time.sleep(0.001)


if __name__ == "__main__":
    main()
