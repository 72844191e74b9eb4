"""The whole service with Flower, as an operator starts it."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from orchestrator.client import Client

T = TypeVar("T")

LOGIN = ("operator", "a-password")
TOKEN = "a-token-of-the-tests"
SECONDS = 60.0

DEPLOYMENTS = """
default = "article"
[deployments.article]
functions = "operated_crews:article"
max_attempts = 2
[deployments.doomed]
functions = "operated_crews:doomed"
max_attempts = 2
[deployments.hanging]
functions = "operated_crews:hanging"
max_attempts = 2
task_time_limit = "1s"
[deployments.deaf]
functions = "operated_crews:deaf"
max_attempts = 1
task_time_limit = "1s"
[deployments.stuck]
functions = "operated_crews:stuck"
max_attempts = 1
task_time_limit = "1s"
[deployments.looping]
functions = "operated_crews:looping"
"""


def await_(what: Callable[[], T]) -> T:
    """Wait until it gives something true, and return that."""
    until = time.monotonic() + SECONDS
    while not (found := what()):
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """A running ``orchestrator up --flower``."""

    url: str
    flower: str
    data: Path
    client: Client

    def in_flower(self, path: str, **parameters: str) -> Any:
        answer = requests.get(self.flower + path, parameters, auth=LOGIN, timeout=10)
        answer.raise_for_status()
        return answer.json() if path.startswith("/api") else answer.text

    def jobs_of(self, execution_id: str) -> list[dict[str, Any]]:
        """What Flower finds by an execution's id, in the order in which it was sent."""
        found = self.in_flower("/api/tasks", search=f"kwargs:execution_id={execution_id}")
        return sorted(found.values(), key=lambda job: job["received"] or job["timestamp"])

    def states_of(self, execution_id: str) -> list[str]:
        return [job["state"] for job in self.jobs_of(execution_id)]

    def until(self, condition: Callable[[], object]) -> None:
        await_(condition)

    def await_states(self, execution_id: str, states: list[str]) -> None:
        await_(lambda: self.states_of(execution_id) == states)


class Collector:
    """Takes spans over OTLP, as a tracing backend does."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._server = HTTPServer()
        self._server.expect_request("/v1/traces").respond_with_handler(self._take)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return self._server.url_for("").rstrip("/")

    def _take(self, request: Request) -> Response:
        body = request.get_data()
        packed = request.headers.get("Content-Encoding") == "gzip"
        told = ExportTraceServiceRequest.FromString(gzip.decompress(body) if packed else body)
        for resource in told.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return Response(ExportTraceServiceResponse().SerializeToString())

    def about(self, execution_id: str) -> list[Span]:
        """The spans of an execution, in the order of their beginnings."""
        found = [span for span in self.spans if execution_id in str(span.attributes)]
        return sorted(found, key=lambda span: span.start_time_unix_nano)


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with Collector() as started:
        yield started


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("up")
    (folder / "deployments.toml").write_text(DEPLOYMENTS)
    port, flower_port = free_port(), free_port()
    command = [sys.executable, "-m", "orchestrator", "up", "--flower", "--concurrency", "2"]
    command += ["--port", str(port), "--flower-port", str(flower_port)]
    command += ["--data", str(folder / "data"), "--deployments", str(folder / "deployments.toml")]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "FLOWER_BASIC_AUTH": ":".join(LOGIN),
        "ORCHESTRATOR_API_TOKEN": TOKEN,
        "ORCHESTRATOR_TIME_LIMIT_GRACE": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    url, flower = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{flower_port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            await_(lambda: _answers(f"{url}/healthz") and _answers(f"{flower}/healthcheck"))
            with Client(url, TOKEN) as client:
                yield Service(url, flower, folder / "data", client)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
