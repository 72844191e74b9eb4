"""A whole service, as ``orchestrator up`` runs it, for a bench to call and to weigh."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from service import Service

from harness.bench import Bench
from harness.ends_heard import Ends
from harness.machine import cpu_of, name_of, tree
from harness.record import BENCH
from harness.sides import SUPPORT
from orchestrator.settings import embedded_broker_url, embedded_socket

PROCESSES = ("api", "broker", "crews", "webhooks", "intake", "sweep")
REVIEWED = {"reviewed": "bench_jobs:reviewed", "chain": "bench_jobs:chain"}


@dataclass
class Serving:
    """The service, the process of its ``up``, and the ends that it tells."""

    service: Service
    ends: Ends
    pid: int

    def cpu(self) -> float:
        """Seconds that all of it has spent."""
        return sum(self.cpu_by_process().values())

    def cpu_by_process(self) -> dict[str, float]:
        """The same by what the processes are."""
        return {name: cpu_of(each) for name, each in by_name(self.pid).items()}


@contextmanager
def serving(
    bench: Bench, database: str, functions: Mapping[str, str], **environment: str
) -> Iterator[Serving]:
    """``orchestrator up`` over a migrated database for as long as the context lasts.

    It has the settings of production: the tests' crash points are taken out.
    """
    folder = bench.new_folder("service")
    more = {"database_url": database, "log_level": "error", **environment}
    service = Service(folder, functions=functions, **more)
    for name in [each for each in service.environment if "CRASH_POINT" in each]:
        del service.environment[name]
    url = f"unix://{embedded_socket(service.data)}"
    code = (str(BENCH / "sides"), str(SUPPORT))
    service.environment.update(
        BENCH_REDIS=url,
        BENCH_REDIS_CELERY=embedded_broker_url(service.data),
        PYTHONPATH=os.pathsep.join(code),
    )
    with service:
        processes = [service.process(name) for name in PROCESSES]
        time.sleep(bench.scale(10, 3))  # what starting leaves behind
        yield Serving(service, Ends(url), processes[0].ppid())


def by_name(pid: int) -> dict[str, list[psutil.Process]]:
    """The processes of a service, by what they are."""
    found: dict[str, list[psutil.Process]] = {}
    for process in tree(pid):
        found.setdefault(name_of(process), []).append(process)
    return found
