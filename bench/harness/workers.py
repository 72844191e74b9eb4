"""Real workers of ours and of bare Celery, on one Valkey, and how a bench hears of their ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from harness.ends_heard import Ends
from harness.machine import children, cpu_of
from harness.record import BENCH
from harness.sides import SUPPORT
from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.settings import Settings, embedded_socket


@dataclass
class Worker:
    """A prefork worker; ``pid`` is the parent of its processes."""

    pid: int

    def cpu(self) -> float:
        """Seconds that its children have spent, those included that were replaced since."""
        ended = psutil.Process(self.pid).cpu_times()
        return cpu_of(children(self.pid)) + ended.children_user + ended.children_system

    def cpu_of_all(self) -> float:
        """The same with its parent."""
        return cpu_of([psutil.Process(self.pid), *children(self.pid)])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While it is given its work, it does none of it."""
        processes = [psutil.Process(self.pid), *children(self.pid)]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        yield
        for process in reversed(processes):
            process.send_signal(signal.SIGCONT)


@dataclass
class Place:
    """A data folder with a Valkey, and the settings of those who work on it."""

    folder: Path
    settings: Settings
    broker: str
    environment: Mapping[str, str]

    @cached_property
    def ends(self) -> Ends:
        """What its workers tell."""
        return Ends(self.environment["BENCH_REDIS"])

    @contextmanager
    def worker(self, app: str, queue: str, *options: str) -> Iterator[Worker]:
        """A worker that consumes the queue for as long as the context lasts."""
        command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", app, "worker"]
        command += ["-Q", queue, "--without-mingle", "--without-gossip", "-l", "ERROR", *options]
        with self._process(queue, command) as pid:
            yield Worker(pid)

    @contextmanager
    def sweep(self) -> Iterator[None]:
        """A sweep for as long as the context lasts."""
        with self._process("sweep", [sys.executable, "-m", "orchestrator", "sweep"]):
            yield

    @contextmanager
    def _process(self, name: str, command: Sequence[str]) -> Iterator[int]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=dict(self.environment), cwd=self.folder, stdout=log, stderr=log
            )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait()


@contextmanager
def place(
    folder: Path, database: str, deployments: Mapping[str, str], **more: str
) -> Iterator[Place]:
    """A migrated ``database`` with a Valkey beside it; ``deployments`` are crews of functions."""
    file = folder / "deployments.toml"
    entries = [
        f'[deployments.{name}]\nfunctions = "{code}"\n' for name, code in deployments.items()
    ]
    file.write_text("\n".join(entries))
    own = {
        "ORCHESTRATOR_DATA": str(folder / "data"),
        "ORCHESTRATOR_DATABASE_URL": database,
        "ORCHESTRATOR_DEPLOYMENTS": str(file),
        "ORCHESTRATOR_LOG_LEVEL": "error",
        **more,
    }
    with ExitStack() as stack:
        stack.enter_context(patched(own))
        settings = Settings()
        settings.data.mkdir(exist_ok=True)
        broker = stack.enter_context(EmbeddedBroker(settings.data))
        code = (str(BENCH / "sides"), str(BENCH / "peers"), str(BENCH), str(SUPPORT))
        worker_environment = {
            **os.environ,
            "BENCH_BROKER": broker.url,
            "BENCH_REDIS": f"unix://{embedded_socket(settings.data)}",
            "PYTHONPATH": os.pathsep.join(code),
        }
        yield Place(folder, settings, broker.url, worker_environment)
    if settings.data not in embedded_socket(settings.data).parents:
        shutil.rmtree(embedded_socket(settings.data).parent, ignore_errors=True)


@contextmanager
def patched(own: Mapping[str, str]) -> Iterator[None]:
    """The environment with these settings and no others of the project."""
    kept = dict(os.environ)
    for name in [each for each in os.environ if each.startswith("ORCHESTRATOR_")]:
        del os.environ[name]
    os.environ.update(own)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def until_ready(is_ready: object, seconds: float = 60) -> None:
    """Wait for workers before anything is measured."""
    give_up = time.monotonic() + seconds
    while not is_ready():  # type: ignore[operator]
        if time.monotonic() > give_up:
            raise TimeoutError("the workers did not become ready")
        time.sleep(0.1)
