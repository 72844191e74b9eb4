from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.http.sender import GuardedSender
from orchestrator.adapters.http.signing import StandardSigner
from orchestrator.adapters.runners.functions import FunctionsRunner
from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.adapters.system import SystemChance, SystemClock, Uuid7Ids
from orchestrator.api import create_app
from orchestrator.api.common.feed import Feed
from orchestrator.api.pages.live import LiveRows
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.deployment import Deployment, StatusForm
from orchestrator.jobs import CREWS, RESUME, RUN_TASK, Job
from orchestrator.ports import AgentStep, Clock, Ports
from orchestrator.usecases.access.tokens import create_token
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.operations.load_deployments import load_deployments

LIMIT = 20_000
"""How many bytes a body may have in these tests."""


class Unwatched:
    """Keeps no lease and tells nobody of anything."""

    def keep(self, _run: object, _stream: object) -> nullcontext[Unwatched]:
        return nullcontext(self)

    def check(self) -> None: ...

    def begin(self, path: str) -> None: ...

    def end(self, path: str) -> None: ...

    def step(self, step: AgentStep) -> None: ...

    def event(self, kind: str, data: Callable[[], JsonObject]) -> None: ...


@dataclass
class Service:
    """The API over a real database, with a worker that runs when it is told to."""

    ports: Ports
    jobs: list[Job]
    secret: str = ""
    limit: int = LIMIT
    clients: list[TestClient] = field(default_factory=list)

    @property
    def client(self) -> TestClient:
        return self.clients[0]

    def __post_init__(self) -> None:
        self.secret = create_token(self.ports, "tests")[1]
        self.clients.append(TestClient(APPS.lend(self.ports, self.limit)))

    def lose_database(self) -> None:
        """From now on the API finds no database."""
        nowhere = make_store(
            "sqlite:////nowhere/none.db", publish=self.jobs.append, cipher=Cipher("key")
        )
        self.client.app.state.ports = replace(self.ports, store=nowhere)  # type: ignore[attr-defined]

    def load(self) -> None:
        """A crew worker starts: it writes the manifests and is seen."""
        load_deployments(self.ports, "w-1", self.ports.deployments.queues())
        self.ports.store.transact(lambda tx: tx.workers.seen("w-1", [CREWS]))

    def work(self) -> None:
        """Run every job that was published, and those that follow."""
        runner = self.ports.runners[RunnerKind.FUNCTIONS]
        worker = Worker("w-1", Unwatched(), runner.plan)
        while self.jobs:
            job = self.jobs.pop(0)
            if job.name in (RUN_TASK, RESUME):
                run_task(self.ports, worker, **job.arguments)

    def call(self, method: str, path: str, secret: str | None = None, **more: Any) -> Response:
        headers = {"Authorization": f"Bearer {secret or self.secret}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, secret: str | None = None, **more: Any) -> Response:
        return self.call("GET", path, secret, **more)

    def post(self, path: str, body: Any = None, secret: str | None = None, **more: Any) -> Response:
        content = None if body is None else json.dumps(body)
        return self.call("POST", path, secret, content=content, **more)

    def start(self, deployment: str = "article", **more: Any) -> str:
        """Kick off; returns the execution's id."""
        body = {"inputs": {"topic": "bees"}, **more}
        told = self.post(f"/crews/{deployment}/kickoff", body)
        assert told.status_code == 200, told.text
        return str(told.json()["kickoff_id"])

    def halted(self, deployment: str = "article", **more: Any) -> str:
        """Kick off and work until a person is asked; returns the execution's id."""
        execution_id = self.start(deployment, **more)
        self.work()
        return execution_id

    def status(self, execution_id: str, deployment: str = "article") -> dict[str, Any]:
        body: dict[str, Any] = self.get(f"/crews/{deployment}/status/{execution_id}").json()
        return body

    def pending(self, execution_id: str, deployment: str = "article") -> dict[str, Any]:
        """The one review that waits."""
        (review,) = self.status(execution_id, deployment)["pending"]
        return dict(review)

    def notice(self, execution_id: str) -> dict[str, Any]:
        """The body of the last notice that waits to be sent."""
        lines = self.get(f"/v1/deliveries?execution_id={execution_id}").json()["deliveries"]
        line = next(each for each in lines if each["kind"] == "human_input")
        found = self.ports.store.read(lambda tx: tx.deliveries.get(line["delivery_id"]))
        body: dict[str, Any] = json.loads(found.body)
        return body

    def resume(
        self, execution_id: str, deployment: str = "article", headers: Any = None, **body: Any
    ) -> Response:
        said = {"execution_id": execution_id, **body}
        return self.post(f"/crews/{deployment}/resume", said, headers=headers or {})


class Apps:
    """The app, with a test's own ports in it.

    Tests share them: FastAPI builds a route when it first looks at it, which for all of ours takes
    longer than most tests.
    """

    def __init__(self) -> None:
        self._free: list[FastAPI] = []
        self._lent: list[FastAPI] = []

    def lend(self, ports: Ports, limit: int) -> FastAPI:
        """One that nobody else in the test has."""
        app = self._free.pop() if self._free else create_app(ports, max_request_bytes=limit)
        self._lent.append(app)
        app.state.max_request_bytes = limit
        app.state.ports = ports
        app.state.feed = Feed(ports)
        app.state.live_rows = LiveRows(ports, app.state.feed)
        return app

    def take_back(self) -> None:
        """The test is over."""
        self._free += self._lent
        self._lent.clear()


APPS = Apps()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema, to be copied."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path


def deployments() -> DeploymentFile:
    """The deployments of the tests; the first is the default one."""
    kinds = {
        "article": Deployment("article", RunnerKind.FUNCTIONS, "api_test_crews:article"),
        "capped": Deployment(
            "capped", RunnerKind.FUNCTIONS, "api_test_crews:article", max_rounds=1
        ),
        "formal": Deployment(
            "formal",
            RunnerKind.FUNCTIONS,
            "api_test_crews:article",
            status_form=StatusForm.DOCUMENTED,
        ),
        "formal-doomed": Deployment(
            "formal-doomed",
            RunnerKind.FUNCTIONS,
            "api_test_crews:doomed",
            status_form=StatusForm.DOCUMENTED,
        ),
        "silent": Deployment("silent", RunnerKind.FUNCTIONS, "api_test_crews:silent"),
        "quote": Deployment("quote", RunnerKind.FUNCTIONS, "api_test_crews:quote"),
        "plain": Deployment("plain", RunnerKind.FUNCTIONS, "api_test_crews:plain"),
        "doomed": Deployment("doomed", RunnerKind.FUNCTIONS, "api_test_crews:doomed"),
        "flow": Deployment("flow", RunnerKind.FUNCTIONS, "user_flows:loop"),
        "sides": Deployment("sides", RunnerKind.FUNCTIONS, "user_flows:two_reviews"),
        "broken": Deployment("broken", RunnerKind.FUNCTIONS, "api_test_crews:nothing"),
    }
    return DeploymentFile(kinds, "article")


@pytest.fixture
def serve(
    empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Service]]:
    """Serve the API; by default of the deployments above."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    stores = []

    def start(
        declared: DeploymentFile | None = None,
        public_url: str | None = None,
        clock: Clock | None = None,
    ) -> Service:
        path = tmp_path / f"{len(stores)}.db"
        shutil.copy(empty_database, path)
        jobs: list[Job] = []
        store = make_store(
            f"sqlite:///{path}", publish=jobs.append, cipher=Cipher("key"), clock=clock
        )
        stores.append(store)
        ports = Ports(
            store=store,
            deployments=declared or deployments(),
            clock=clock or SystemClock(),
            ids=Uuid7Ids(),
            chance=SystemChance(),
            sender=GuardedSender(),
            signer=StandardSigner(()),
            runners={RunnerKind.FUNCTIONS: FunctionsRunner()},
            crash_point=lambda _: None,
            public_url=public_url,
        )
        return Service(ports, jobs)

    yield start
    APPS.take_back()
    for store in stores:
        store.dispose()


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """The API, with the deployments loaded."""
    served = serve()
    served.load()
    return served
