"""A post office: the delivery queue over a real SQLite, a clock that a test turns, no broker."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self

from sqlalchemy import update

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender, Limits
from orchestrator.adapters.http.signing import StandardSigner
from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.schema import deliveries, drains
from orchestrator.adapters.system import Uuid7Ids
from orchestrator.domain.delivery import (
    Authentication,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
)
from orchestrator.domain.delivery_policy import SendLimits
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.endpoint import Endpoint
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.jobs import Job
from orchestrator.ports import DeliveryFilter, Ports, Transaction
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.webhooks.deliver import drain
from orchestrator.usecases.webhooks.wake import wake_endpoints

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEFAULT_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MOST_JOBS = 5_000


class TurnedClock:
    """A clock that stands until a test turns it."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def turn(self, **by: float) -> None:
        self.at += timedelta(**by)


class NoChance:
    """No jitter, and secrets that differ."""

    def __init__(self) -> None:
        self.secrets = 0

    def jitter(self) -> float:
        return 0.0

    def secret(self) -> str:
        self.secrets += 1
        return f"{self.secrets:08d}".ljust(43, "0")


@dataclass
class Post:
    """Ports with a database of their own, and the jobs that were published to nobody."""

    ports: Ports
    clock: TurnedClock
    jobs: list[Job] = field(default_factory=list)
    crash: Callable[[str], None] | None = None

    def commit(
        self,
        url: str,
        count: int = 1,
        *,
        kind: str = "task",
        body: bytes | None = None,
        authentication: Authentication | None = None,
    ) -> list[str]:
        """Write deliveries to an endpoint, as an execution's transaction does; gives their ids."""

        def write(tx: Transaction) -> list[str]:
            endpoint_id = tx.endpoints.ensure("news", url, authentication, self.clock.now())
            return self._commit(tx, endpoint_id, count, kind, body)

        return self.ports.store.transact(write)

    def _commit(
        self, tx: Transaction, endpoint_id: str, count: int, kind: str, body: bytes | None
    ) -> list[str]:
        execution = self._execution()
        tx.executions.add(execution)
        made = [self._delivery(execution.id, endpoint_id, kind, n) for n in range(count)]
        tx.deliveries.add([replace(one, body=body or one.body) for one in made])
        wake_endpoints(tx, [endpoint_id], self.clock.now())
        return [delivery.id for delivery in made]

    def _execution(self) -> Execution:
        now = self.clock.now()
        return Execution(
            id=self.ports.ids.new(),
            deployment="news",
            state=ExecutionState.SUCCEEDED,
            version=1,
            origin="tests",
            actor="tests",
            plan_digest="sha256:" + "0" * 64,
            inputs={},
            meta={},
            subscriptions=Subscriptions(),
            carry_webhooks=False,
            created_at=now,
            finished_at=now,
        )

    def _delivery(self, execution_id: str, endpoint_id: str, kind: str, number: int) -> Delivery:
        now = self.clock.now()
        return Delivery(
            id=self.ports.ids.new(),
            execution_id=execution_id,
            deployment="news",
            endpoint_id=endpoint_id,
            kind=kind,
            sequence=number + 1,
            state=DeliveryState.PENDING,
            version=1,
            body=b'{"sequence":%d}' % (number + 1),
            created_at=now,
            due_at=now,
            published_at=now,
            wake_at=now + timedelta(minutes=1),
        )

    def work(self) -> int:
        """A worker takes every job there is, and those that follow; gives how many tries."""
        tries = 0
        for _ in range(MOST_JOBS):
            if not self.jobs:
                return tries
            tries += drain(self.ports, self.jobs.pop(0).arguments["endpoint_id"], "w-1")
        raise AssertionError("jobs without end")

    def pass_time(self, **by: float) -> int:
        """Turn the clock, sweep, and work; gives how many tries."""
        self.clock.turn(**by)
        sweep(self.ports)
        return self.work()

    def get(self, delivery_id: str) -> Delivery:
        found = self.ports.store.read(lambda tx: tx.deliveries.get(delivery_id))
        assert found is not None
        return found

    def attempts(self, delivery_id: str) -> tuple[DeliveryAttempt, ...]:
        return self.ports.store.read(lambda tx: tx.deliveries.attempts(delivery_id))

    def all(self) -> tuple[Delivery, ...]:
        return self.ports.store.read(
            lambda tx: tx.deliveries.page(DeliveryFilter(), None, 1_000_000)
        )

    def states(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        counts = self.ports.store.read(lambda tx: tx.figures.deliveries())
        return {str(state): count for (_, state), count in counts.items()}

    def endpoint(self, url: str) -> Endpoint:
        found = self.ports.store.read(lambda tx: tx.endpoints.page(None, None, 100))
        (only,) = [endpoint for endpoint in found if endpoint.url == url]
        return only


def make_post(folder: Path, template: Path, **settings: Any) -> Post:
    """A new post office in the folder; ``settings`` are the deployment's."""
    file = folder / "post.db"
    shutil.copy(template, file)
    jobs: list[Job] = []
    clock = TurnedClock()
    made: list[Post] = []
    deployment = Deployment("news", RunnerKind.FUNCTIONS, "no:where", **settings)
    ports = Ports(
        store=make_store(
            f"sqlite:///{file}", publish=jobs.append, cipher=Cipher("a key"), clock=clock
        ),
        deployments=DeploymentFile({"news": deployment}),
        clock=clock,
        ids=Uuid7Ids(),
        chance=NoChance(),
        sender=GuardedSender(
            Guard(allow_networks=(ip_network("127.0.0.1"),)), Limits(connect=0.3, total=0.5)
        ),
        signer=StandardSigner((DEFAULT_SECRET,)),
        runners={},
        crash_point=lambda place: made[0].crash(place) if made[0].crash else None,
        send_limits=SendLimits(one_try=timedelta(seconds=1)),
    )
    made.append(Post(ports, clock, jobs))
    return made[0]


def let_leases_lapse(post: Post) -> None:
    """What the passing of a lease's seconds would do."""
    sweep(post.ports)
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    with post.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        for table in (deliveries, drains):
            connection.execute(update(table).values(lease_until=long_ago))


class MoodyReceiver:
    """A real server on a free port; ``answers`` says what the next requests get, the last for ever.

    An answer is a status, or a status with headers. With ``echoes`` it sends back what it got.
    """

    def __init__(
        self, *answers: int | tuple[int, dict[str, str]], port: int = 0, echoes: bool = False
    ) -> None:
        self.echoes = echoes
        self.answers: list[int | tuple[int, dict[str, str]]] = list(answers or (200,))
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def ids(self) -> list[str]:
        """The webhook-id of each request."""
        return [headers["webhook-id"] for headers, _ in self.received]

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """Note a request; gives the answer, once the gate is open."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.received.append((headers, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.gate.wait()
        with self._lock:
            self._at_once -= 1
        return answer if isinstance(answer, tuple) else (answer, {})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each response waits for an acknowledgement

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = receiver.take(dict(self.headers), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                says = body if receiver.echoes else b"said"
                self.send_header("Content-Length", str(len(says)))
                self.end_headers()
                self.wfile.write(says)

            def log_message(self, *_: object) -> None: ...

        return Handler
