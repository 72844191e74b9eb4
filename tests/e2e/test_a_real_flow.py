"""A real CrewAI flow on real workers, through the calls of the platform alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from service import Service
from work import Work

pytestmark = [
    pytest.mark.processes,
    pytest.mark.crewai,
    pytest.mark.xdist_group("crewai"),
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]


@pytest.fixture
def service(crewai_service: Service) -> Service:
    return crewai_service


@pytest.fixture
def call(service: Service) -> Callable[..., Any]:
    """Call the deployment; returns the answer's body."""

    def send(method: str, path: str, **body: Any) -> Any:
        return service.call(method, f"/crews/reviewed{path}", body or None).json()

    return send


def pending(service: Service, call: Callable[..., Any], execution_id: str) -> dict[str, Any]:
    """What waits, by method, once both methods ask."""
    found: dict[str, Any] = {}

    def both_ask() -> bool:
        found.clear()
        status = call("GET", f"/status/{execution_id}")
        assert status["status"] != "error", status
        found.update({each["method_name"]: each for each in status["pending"]})
        return set(found) == {"draft", "facts"}

    service.until(both_ask)
    return found


def nothing_runs(service: Service, execution_id: str) -> bool:
    """Whether no worker holds a claim: reviews are open before the run that asked has ended."""
    runs = service.ports.store.read(lambda tx: tx.task_runs.of(execution_id))
    return all(run.state != "RUNNING" for run in runs)


def finished(service: Service, execution_id: str) -> Any:
    return service.ended("reviewed", execution_id)


def kickoff(call: Callable[..., Any], work: Work, **inputs: Any) -> str:
    body = call("POST", "/kickoff", inputs={"folder": str(work.folder), **inputs})
    return str(body["kickoff_id"])


def test_reviews_side_by_side_a_loop_and_a_join(
    service: Service, call: Callable[..., Any], work: Work
) -> None:
    execution_id = kickoff(call, work, topic="owls")
    asked = pending(service, call, execution_id)
    assert asked["draft"]["emit"] == ["accept", "revise"]
    assert asked["draft"]["state"]["topic"] == "owls"
    said = {"execution_id": execution_id, "task_id": asked["draft"]["task_id"]}
    call("POST", "/resume", **said, outcome="revise", human_feedback="longer")

    def second_round() -> bool:
        again = pending(service, call, execution_id)["draft"]
        return bool(again["round"] == 2)

    service.until(second_round)
    said = {"execution_id": execution_id, "task_id": "draft"}
    call("POST", "/resume", **said, human_feedback="Accept!")
    said = {"execution_id": execution_id, "task_id": "facts"}
    call("POST", "/resume", **said, human_feedback="barn owls")
    status = finished(service, execution_id)
    assert status.status == "completed"
    assert status.result.startswith("published owls after 2 drafts: longer; ")
    assert Counter(work.runs) == {"begin": 1, "draft": 2, "facts": 1, "slow": 1, "publish": 1}


@pytest.mark.parametrize("trouble", ["die"])
def test_a_killed_worker_costs_the_step_that_was_under_way_alone(
    service: Service, call: Callable[..., Any], work: Work, trouble: str
) -> None:
    (work.folder / "trouble").write_text(trouble)
    execution_id = kickoff(call, work)
    pending(service, call, execution_id)
    for method, more in (("draft", {"outcome": "accept"}), ("facts", {"human_feedback": ""})):
        call("POST", "/resume", execution_id=execution_id, task_id=method, **more)
    assert finished(service, execution_id).status == "completed"
    runs = Counter(work.runs)
    assert (runs["slow"], runs["publish"]) == (2, 1)


def test_everything_is_killed_while_reviews_wait(
    service: Service, call: Callable[..., Any], work: Work
) -> None:
    execution_id = kickoff(call, work)
    pending(service, call, execution_id)
    service.until(lambda: nothing_runs(service, execution_id))
    service.kill()
    service.start()
    service.await_ready()
    for method, more in (("facts", {"human_feedback": ""}), ("draft", {"outcome": "accept"})):
        call("POST", "/resume", execution_id=execution_id, task_id=method, **more)
    assert finished(service, execution_id).status == "completed"
    assert Counter(work.runs) == {"begin": 1, "draft": 1, "facts": 1, "slow": 1, "publish": 1}


def test_an_input_that_the_state_refuses_is_named(call: Callable[..., Any], tmp_path: Path) -> None:
    refused = call("POST", "/kickoff", inputs={"folder": str(tmp_path), "drafts": "many"})
    assert list(refused["details"]) == ["inputs.drafts"]
    assert call("GET", "/inputs")["inputs"] == ["folder", "topic", "drafts"]
