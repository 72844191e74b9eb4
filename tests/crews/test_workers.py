"""Crews in a real service: a worker's parent that only imports, two children that run."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from receiver import Receiver
from service import Service

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.processes,
    pytest.mark.xdist_group("crews"),
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]

MEETING = {"participants": "Ada", "subject": "owls", "objective": "peace"}
CUSTOMER = {"customer": "a bank", "project": "a card"}
TRIP = {"cities": "Lisbon", "range": "May", "origin": "Oslo", "interests": "owls"}


def calls(service: Service) -> list[tuple[int, str]]:
    """Which process asked a model, for which role, in order."""
    file = Path(service.environment["SCRIPTED_CALLS"])
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(pid), role) for pid, _, role in (line.partition(" ") for line in lines)]


def test_parallel_tasks_of_a_crew_run_in_two_children_at_a_time(service: Service) -> None:
    asked_before = len(calls(service))
    execution_id = service.client.kickoff("meeting", {**MEETING, "subject": "each other"})
    first = service.asked("meeting", execution_id)
    second = service.asked("meeting", execution_id, first)
    asked = calls(service)[asked_before:]
    parallel = [pid for pid, role in asked if role in {"Researcher", "Analyst"}]
    assert len(set(parallel)) == 2
    for review in (first, second):
        service.client.approve("meeting", execution_id, review)
    assert service.ended("meeting", execution_id).status == "completed"


def test_children_that_are_replaced_carry_on(service: Service) -> None:
    ids = [service.client.kickoff("marketing", CUSTOMER) for _ in range(3)]
    ended = [service.ended("marketing", execution_id) for execution_id in ids]
    assert [each.result for each in ended] == ['{"title": "Awake?", "body": "So are we."}'] * 3
    assert len({pid for pid, role in calls(service) if role in {"Strategist", "Copywriter"}}) > 2


def test_the_workers_parent_neither_builds_nor_runs_a_crew(service: Service) -> None:
    execution_id = service.client.kickoff("marketing", CUSTOMER)
    assert service.ended("marketing", execution_id).status == "completed"
    assert service.process("crews").pid not in {pid for pid, _ in calls(service)}


def test_step_webhooks_arrive(service: Service, receiver: Receiver) -> None:
    hook = f"{receiver.url}/step"
    execution_id = service.client.kickoff("trip", TRIP, stepWebhookUrl=hook)
    assert service.ended("trip", execution_id).status == "completed"
    service.until(lambda: len(receiver.of(execution_id, "step")) == 2)
    told = [step.body for step in receiver.of(execution_id, "step")]
    assert [(step["task_id"], step["tool"], step["result"]) for step in told] == [
        ("task-1", "search", "Much is known about the weather in {cities}."),
        ("task-3", "calculator", "550"),
    ]


def test_a_killed_worker_makes_no_call_of_its_task_again(service: Service) -> None:
    log = Path(service.environment["ERRANDS"])
    log.with_suffix(".kill").write_text("13")
    execution_id = service.client.kickoff("errands", {"who": "Ada"})
    ended = service.ended("errands", execution_id)
    assert (ended.status, ended.result) == ("completed", "all 9 done")
    assert service.task_run(execution_id, "errands").attempts == 2
    made = log.read_text().splitlines()
    assert (made.count("model"), made.count("pay"), len(made)) == (10, 1, 19)
