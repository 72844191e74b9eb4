"""A day in the life of an operator, in four scenes at one service: trouble is found and mended.

The operator has the command line on the service's machine and HTTP with a token, nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from model_server import ModelServer
from prometheus_client.parser import text_string_to_metric_families
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("operators_day")]

COMMAND = Path(sys.executable).with_name("orchestrator")

FUNCTIONS = """
[deployments.plain]
functions = "user_crews:plain"
[deployments.hanging]
functions = "user_crews:plain"
max_attempts = 10
task_time_limit = "2s"
[deployments.deadly]
functions = "user_crews:deadly"
max_attempts = 2
"""

CREW = """
[deployments.brochure]
crew = "keyed_crew:make"
max_attempts = 2
"""

EDIT = "max_rounds = 4\n[deployments.hanging]"
"""Of the deployment before that one, while the service is down."""

HAS_CREWAI = find_spec("crewai") is not None


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """Somebody's model, which wants a key."""
    with ModelServer(key="the key of today") as server:
        yield server


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: ModelServer) -> Iterator[Service]:
    """The service of the day, begun with yesterday's key."""
    service = Service(tmp_path_factory.mktemp("day"))
    service.deployments.write_text(FUNCTIONS + CREW * HAS_CREWAI)
    keys = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "the key of yesterday"}
    service.environment.update(keys)
    with service:
        yield service


class Operator:
    """Somebody with a terminal on the service's machine, and a token."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def command(self, *arguments: str) -> Any:
        """What a command prints for scripts."""
        options = ["--data", str(self._service.data)]
        options += ["--deployments", str(self._service.deployments), "--json"]
        ended = subprocess.run(
            [str(COMMAND), *arguments, *options],
            env=self._service.environment,
            stdout=subprocess.PIPE,
            check=False,
            timeout=60,
        )
        return json.loads(ended.stdout)

    def doctor(self, check: str) -> list[str]:
        """What the doctor says of one thing, with what mends it."""
        found = self.command("doctor")
        return [f"{each['says']}. {each['mend'] or ''}" for each in found if each["check"] == check]

    def wrong(self) -> list[dict[str, str]]:
        """What the doctor finds to be mended."""
        return [each for each in self.command("doctor") if each["mend"]]

    def get(self, path: str) -> Any:
        answer = self._service.call("GET", path)
        answer.raise_for_status()
        return answer.json()

    def failure(self, execution_id: str) -> str:
        """Wait until the execution is among those that failed, and read there why."""
        return self._service.until(lambda: self._failures().get(execution_id))

    def _failures(self) -> dict[str, str]:
        found = self.get("/v1/executions?state=FAILED")["executions"]
        return {each["execution_id"]: each["error"] for each in found}

    def timeline(self, execution_id: str, event: str) -> list[dict[str, Any]]:
        """The lines of that kind."""
        lines = self.get(f"/v1/executions/{execution_id}/timeline")["timeline"]
        return [line for line in lines if line["event"] == event]

    def attempts(self, execution_id: str) -> dict[str, int]:
        """How often each task was begun."""
        claims = self.timeline(execution_id, "task_run.claim")
        return dict(Counter(claim["task_name"] for claim in claims))

    def metric(self, name: str, deployment: str) -> float:
        """A figure of ``/metrics``."""
        answer = self._service.call("GET", "/metrics")
        families = text_string_to_metric_families(answer.text)
        found = [sample for family in families for sample in family.samples if sample.name == name]
        return next(each.value for each in found if each.labels["deployment"] == deployment)

    def retry(self, execution_id: str) -> None:
        assert self.command("retry", execution_id)["state"] == "RUNNING"

    def result(self, deployment: str, execution_id: str) -> str | None:
        """Wait for the end; an execution that did not end well has no result."""
        return self._service.ended(deployment, execution_id).result


@pytest.fixture
def operator(service: Service) -> Operator:
    return Operator(service)


@pytest.mark.crewai
@pytest.mark.skipif(not HAS_CREWAI, reason="needs the extra crewai")
def test_in_the_morning_an_api_key_is_wrong(
    service: Service, operator: Operator, model: ModelServer
) -> None:
    execution_id = service.client.kickoff("brochure", {"topic": "owls"})
    failure = operator.failure(execution_id)
    (finding,) = operator.doctor("executions")
    assert finding.startswith("1 of brochure failed: orchestrator executions list --state FAILED")
    assert "Task 'write' failed" in failure
    assert "Incorrect API key" in failure
    assert operator.command("status", execution_id)["error"] == failure
    service.terminate()
    service.environment["OPENAI_API_KEY"] = str(model.key)
    written = service.deployments.read_text()
    service.deployments.write_text(written.replace("[deployments.hanging]", EDIT, 1))
    service.start()
    operator.retry(execution_id)
    assert operator.result("brochure", execution_id) == "an answer"
    assert operator.attempts(execution_id) == {"research": 1, "write": 3}
    (edit,) = (each for each in operator.command("audit") if each["event"] == "deployment.edit")
    assert (edit["subject"], edit["actor"]) == ("plain", "operator")
    assert edit["details"] == {"changed": {"max_rounds": {"from": None, "to": 4}}}


def test_then_a_tool_hangs(service: Service, operator: Operator, work: Work) -> None:
    execution_id = service.client.kickoff("hanging", work.inputs(hold="write"))
    tried = service.until(lambda: operator.timeline(execution_id, "task_run.try_again"))
    assert tried[0]["task_name"] == "write"
    assert "over its time limit of 2 s" in tried[0]["details"]["error"]
    (finding,) = operator.doctor("attempts")
    assert re.match(r"hanging/write failed \d+ times, last: The task ran over its time", finding)
    assert f"orchestrator timeline {execution_id}" in finding
    work.go()
    assert str(operator.result("hanging", execution_id)).startswith("publish 1: write")
    assert (work.runs.count("research"), work.runs.count("publish")) == (1, 1)


def test_at_noon_a_queue_is_full(service: Service, operator: Operator, work: Work) -> None:
    crews = service.process("crews")
    frozen = [crews, *crews.children(recursive=True)]
    for process in frozen:
        process.suspend()
    ids = [service.client.kickoff("plain", work.inputs()) for _ in range(6)]
    assert operator.metric("crew_orchestrator_task_runs_due", "plain") == 6
    (backlog,), (broker,) = operator.doctor("backlog"), operator.doctor("broker")
    assert backlog.startswith("6 task runs of plain wait")
    assert re.search(r"crews [56],", broker)  # the worker's own connection may hold one
    for process in frozen:
        process.resume()
    assert all(operator.result("plain", execution_id) for execution_id in ids)
    assert operator.metric("crew_orchestrator_task_runs_due", "plain") == 0


def test_at_night_a_worker_keeps_dying(service: Service, operator: Operator, work: Work) -> None:
    execution_id = service.client.kickoff("deadly", work.inputs())
    failure = operator.failure(execution_id)
    death = "The worker process died: signal 9 (SIGKILL)"
    assert failure == f"Task 'leak' failed after 2 attempts: {death}"
    (tried,) = operator.timeline(execution_id, "task_run.try_again")
    assert tried["details"]["error"] == death
    assert tried["actor"].startswith("worker:crews@")
    (work.folder / "mended").touch()
    operator.retry(execution_id)
    assert operator.result("deadly", execution_id) == "leak 3"
    assert operator.attempts(execution_id) == {"research": 1, "leak": 3}


def test_and_in_the_end_all_is_well(operator: Operator) -> None:
    assert operator.wrong() == []
