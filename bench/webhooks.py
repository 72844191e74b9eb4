"""Deliveries per second, and what a hanging receiver costs the others.

Three ways to send the same requests to the same fast receiver: our queue, a bare
``requests.Session`` loop with as many threads, and one Celery job for each delivery. Then the delay
from commit to arrival at a fast endpoint, alone and while another endpoint hangs.
``python bench/webhooks.py [deliveries]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from celery import Celery

from orchestrator.adapters.sql import migrate
from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.ports import Ports, Transaction
from orchestrator.settings import Settings
from orchestrator.usecases.webhooks.wake import wake_endpoints
from orchestrator.wiring import make_ports

THREADS = 4
"""How many requests one endpoint gets at a time; the bare loop has as many threads."""

ROUNDS = 2
SAMPLES = 400
EVERY = 0.02
"""Deliveries whose delay is measured, and the seconds between them; a round takes less than the
15 seconds for which a hanging receiver holds its threads."""

BODY = json.dumps({"name": "write", "output": "x" * 1000, "meta": {}}).encode()

PEER = """
import os, threading, requests
from celery import Celery
app = Celery("peer", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_ignore_result=True, task_default_queue="peer", worker_prefetch_multiplier=1)
own = threading.local()
@app.task(name="post")
def post(url, body):
    if not hasattr(own, "session"):
        own.session = requests.Session()
    own.session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=15)
"""

RECEIVER = "--be-the-receiver"


def main() -> None:
    """Run everything, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deliveries", nargs="?", type=int, default=3000)
    count = parser.parse_args().deliveries
    with tempfile.TemporaryDirectory(prefix="bench-") as made, ExitStack() as stack:
        bench = stack.enter_context(prepared(Path(made)))
        bare = bench.of_bare_loop(count)
        peer = bench.of_celery_jobs(count)
        with bench.worker("workers.app", "webhooks", 10):
            ours = bench.of_deliveries(count)
            alone, beside = bench.delays_in_turn()
    print(f"{'':36}{'per second':>12}{'of the bare loop':>18}")
    for name, rate in (("bare loop", bare), ("one Celery job each", peer), ("deliveries", ours)):
        print(f"{name:36}{rate:>12.0f}{rate / bare:>18.2f}")
    print(f"{'':36}{'p50 ms':>12}{'p99 ms':>18}")
    for name, delays in (("fast endpoint alone", alone), ("beside a hanging one", beside)):
        print(f"{name:36}{at(delays, 0.5):>12.1f}{at(delays, 0.99):>18.1f}")
    print(f"{'ratio':36}{'':>12}{at(beside, 0.99) / at(alone, 0.99):>18.2f}")


def at(delays: list[float], share: float) -> float:
    """The delay, in milliseconds, that this share of all does not exceed."""
    return sorted(delays)[int(share * (len(delays) - 1))] * 1000


@dataclass
class Bench:
    """A database, a broker and a receiver; ``environment`` is what workers get."""

    folder: Path
    settings: Settings
    ports: Ports
    broker: str
    receiver: str
    environment: dict[str, str] = field(default_factory=dict)

    def count(self) -> int:
        """How many requests the receiver has had."""
        return int(requests.get(f"{self.receiver}/count", timeout=5).text)

    def rate_of(self, count: int, begin: Any) -> float:
        """Requests per second, from the beginning until the last one has arrived."""
        before = self.count()
        began = time.perf_counter()
        begin()
        until(lambda: self.count() - before >= count)
        return count / (time.perf_counter() - began)

    def of_bare_loop(self, count: int) -> float:
        """Sessions of ``THREADS`` threads, in a loop each."""

        def loop(_: int) -> None:
            with requests.Session() as session:
                for _ in range(count // THREADS):
                    headers = {"Content-Type": "application/json"}
                    session.post(f"{self.receiver}/fast", data=BODY, headers=headers, timeout=15)

        def all_loops() -> None:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(loop, range(THREADS)))

        return self.rate_of(count // THREADS * THREADS, all_loops)

    def of_celery_jobs(self, count: int) -> float:
        """A job for each request; the jobs are sent before the worker starts."""
        app = Celery("peer", broker=self.broker)
        app.conf.update(task_ignore_result=True, task_default_queue="peer")
        post = app.signature("post", args=(f"{self.receiver}/fast", BODY.decode()))
        with self.worker("peer", "peer", THREADS):
            before = self.count()
            post.apply_async()
            until(lambda: self.count() > before)
            return self.rate_of(count, lambda: [post.apply_async() for _ in range(count)])

    def of_deliveries(self, count: int) -> float:
        """Our queue: committed in one transaction, and nudged."""
        self.commit("/fast", 1)
        until(lambda: self.open_deliveries() == 0)
        return self.rate_of(count, lambda: self.commit("/fast", count))

    def delays_in_turn(self) -> tuple[list[float], list[float]]:
        """The delays at the fast endpoint alone, and beside a hanging one."""
        alone: list[float] = []
        beside: list[float] = []
        for number in range(ROUNDS):
            alone += self.delays()
            self.commit(f"/hang/{number}", 200)
            beside += self.delays()
            until(lambda: not self.is_hanging())
        return alone, beside

    def is_hanging(self) -> bool:
        """Whether a drain waits for a receiver."""
        return int(requests.get(f"{self.receiver}/held", timeout=5).text) > 0

    def delays(self) -> list[float]:
        """Seconds from commit to arrival at the fast endpoint, one delivery at a time."""
        requests.post(f"{self.receiver}/forget", timeout=5)
        sent = {}
        for _ in range(SAMPLES):
            (delivery_id,) = self.commit("/fast", 1)
            sent[delivery_id] = time.time()
            time.sleep(EVERY)
        until(lambda: sent.keys() <= self.arrivals().keys())
        arrivals = self.arrivals()
        return [arrivals[each] - committed for each, committed in sent.items()]

    def arrivals(self) -> dict[str, float]:
        """When each delivery arrived first."""
        told: dict[str, float] = requests.get(f"{self.receiver}/arrivals", timeout=5).json()
        return told

    def open_deliveries(self) -> int:
        """How many deliveries have not ended."""
        counts = self.ports.store.read(lambda tx: tx.figures.deliveries())
        states = (DeliveryState.PENDING, DeliveryState.RETRYING)
        return sum(count for (_, state), count in counts.items() if state in states)

    def commit(self, path: str, count: int) -> list[str]:
        """Write deliveries to an endpoint, as an execution's transaction does."""
        return self.ports.store.transact(lambda tx: self._commit(tx, path, count))

    def _commit(self, tx: Transaction, path: str, count: int) -> list[str]:
        now = self.ports.clock.now()
        endpoint_id = tx.endpoints.ensure("bench", self.receiver + path, None, now)
        execution = new_execution(self.ports)
        tx.executions.add(execution)
        deliveries = [
            new_delivery(self.ports, execution.id, endpoint_id, number) for number in range(count)
        ]
        tx.deliveries.add(deliveries)
        wake_endpoints(tx, [endpoint_id], now)
        return [delivery.id for delivery in deliveries]

    @contextmanager
    def worker(self, app: str, queue: str, threads: int) -> Iterator[None]:
        """A worker of threads for as long as the context lasts."""
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queue, "-P"]
        command += ["threads", "-c", str(threads), "--without-mingle", "--without-gossip"]
        everything = {**os.environ, **self.environment, "PYTHONPATH": str(self.folder)}
        process = subprocess.Popen([*command, "-l", "ERROR"], env=everything, cwd=self.folder)
        try:
            yield
        finally:
            process.kill()  # a hanging request would keep it for its grace
            process.wait()


def new_execution(ports: Ports) -> Execution:
    """An execution that did nothing."""
    return Execution(
        id=ports.ids.new(),
        deployment="bench",
        state=ExecutionState.RUNNING,
        version=1,
        origin="bench",
        actor="bench",
        plan_digest="sha256:" + "0" * 64,
        inputs={},
        meta={},
        subscriptions=Subscriptions(),
        carry_webhooks=False,
        created_at=ports.clock.now(),
    )


def new_delivery(ports: Ports, execution_id: str, endpoint_id: str, number: int) -> Delivery:
    """A delivery that is due."""
    now = ports.clock.now()
    return Delivery(
        id=ports.ids.new(),
        execution_id=execution_id,
        deployment="bench",
        endpoint_id=endpoint_id,
        kind="task",
        sequence=number + 1,
        state=DeliveryState.PENDING,
        version=1,
        body=BODY,
        created_at=now,
        due_at=now,
        published_at=now,
        wake_at=now + timedelta(minutes=1),
    )


@contextmanager
def prepared(folder: Path) -> Iterator[Bench]:
    """Everything that is measured or measured against, in a folder."""
    (folder / "peer.py").write_text(PEER)
    (folder / "steps.py").write_text("crew = [lambda: None]\n")
    (folder / "deployments.toml").write_text('[deployments.bench]\nfunctions = "steps:crew"\n')
    environment = {
        "ORCHESTRATOR_DATA": str(folder / "data"),
        "ORCHESTRATOR_DEPLOYMENTS": str(folder / "deployments.toml"),
        "ORCHESTRATOR_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
        "ORCHESTRATOR_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "ORCHESTRATOR_LOG_LEVEL": "error",
    }
    os.environ.update(environment)
    settings = Settings()
    settings.data.mkdir()
    with EmbeddedBroker(settings.data) as broker, receiver() as url:
        migrate.upgrade(settings.resolved_database_url)
        ports = make_ports(settings)
        environment["BENCH_BROKER"] = broker.url
        yield Bench(folder, settings, ports, broker.url, url, environment)
        ports.store.dispose()


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver in a process of its own; gives its URL."""
    command = [sys.executable, __file__, RECEIVER]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


class Receiver(asyncio.Protocol):
    """As little HTTP as the benchmark needs, so that the receiver is never what is measured."""

    received = 0
    held: set[Receiver] = set()  # noqa: RUF012 - shared by all connections, on purpose
    arrived: dict[str, float] = {}  # noqa: RUF012 - shared by all connections, on purpose

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection alive."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def connection_lost(self, _: Exception | None) -> None:
        """Whoever was kept waiting has given up."""
        Receiver.held.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer each request as soon as all of it is there."""
        self.buffer += data
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end or len(rest) < content_length(head):
            return
        self.buffer = b""
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/hang"):
            Receiver.held.add(self)
        else:
            answer = self.answer(path, head)
            length = str(len(answer)).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n")
            self.transport.write(answer)

    def answer(self, path: bytes, head: bytes) -> bytes:
        """What is asked for; a delivery is noted."""
        if path == b"/count":
            return str(Receiver.received).encode()
        if path == b"/held":
            return str(len(Receiver.held)).encode()
        if path == b"/arrivals":
            return json.dumps(Receiver.arrived).encode()
        if path == b"/forget":
            Receiver.arrived.clear()
            return b""
        Receiver.received += 1
        Receiver.arrived.setdefault(header(head, b"webhook-id").decode(), time.time())
        return b""


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, empty where it is absent."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


def content_length(head: bytes) -> int:
    """How long the body is."""
    return int(header(head, b"content-length") or 0)


async def be_the_receiver() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def until(condition: Any) -> None:
    """Wait, with an end."""
    give_up = time.monotonic() + 300
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError
        time.sleep(0.02)


if __name__ == "__main__":
    if RECEIVER in sys.argv:
        with suppress(KeyboardInterrupt):
            asyncio.run(be_the_receiver())
    else:
        main()
