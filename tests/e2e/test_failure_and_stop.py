"""Executions that end otherwise: their code fails, or somebody stops them."""

from __future__ import annotations

import pytest
from receiver import Received, Receiver
from service import Service
from work import Work

from orchestrator.client import CallRefused

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def failed(service: Service, receiver: Receiver, work: Work) -> str:
    """An execution whose second task raised as often as it was let."""
    execution_id = service.client.kickoff("doomed", work.inputs(), **receiver.webhooks)
    service.ended("doomed", execution_id)
    return execution_id


@pytest.fixture
def stopped(service: Service, receiver: Receiver, work: Work) -> str:
    """An execution that was stopped while its second task ran, and whose run has ended since."""
    inputs = work.inputs(hold="write")
    execution_id = service.client.kickoff("plain", inputs, **receiver.webhooks)
    service.until(lambda: work.pids("write"))
    run = service.task_run(execution_id, "write")
    service.client.stop("plain", execution_id)
    work.go()
    service.until(lambda: service.has_refused(run.id))
    return execution_id


def crew_webhook(service: Service, receiver: Receiver, execution_id: str) -> Received:
    service.until(lambda: receiver.of(execution_id, "crew"))
    (told,) = receiver.of(execution_id, "crew")
    return told


def test_a_task_that_raises_runs_three_times_and_then_the_execution_has_failed(
    service: Service, failed: str, work: Work
) -> None:
    body = service.client.status("doomed", failed).body
    assert (body["status"], body["state"]) == ("error", "FAILED")
    assert body["error"] == (
        "Task 'fail' failed after 3 attempts: ValueError: there is no ink left"
    )
    assert work.runs == ["research", "fail", "fail", "fail"]


def test_the_reason_of_a_failure_reaches_the_crew_webhook(
    service: Service, receiver: Receiver, failed: str
) -> None:
    told = crew_webhook(service, receiver, failed).body
    assert (told["status"], told["result"]) == ("error", "")
    assert "there is no ink left" in told["error"]


def test_the_result_of_a_run_that_was_stopped_is_refused(
    service: Service, stopped: str, work: Work
) -> None:
    body = service.client.status("plain", stopped).body
    assert (body["status"], body["state"]) == ("stopped", "REVOKED")
    assert body["progress"]["completed_tasks"] == 1
    assert service.task_run(stopped, "write").output_id is None
    assert work.runs == ["research", "write"]


def test_a_stop_is_told_to_the_crew_webhook_and_to_no_other_one(
    service: Service, receiver: Receiver, stopped: str
) -> None:
    assert crew_webhook(service, receiver, stopped).body["status"] == "stopped"
    assert [each.body["name"] for each in receiver.of(stopped, "task")] == ["research"]
    assert receiver.of(stopped, "human_input") == []


def test_a_stopped_execution_cannot_be_stopped_again(service: Service, stopped: str) -> None:
    with pytest.raises(
        CallRefused, match=r"Cannot stop execution\. Current state: REVOKED"
    ) as told:
        service.client.stop("plain", stopped)
    assert told.value.status == 400


def test_a_deployment_that_does_not_import_says_why_and_leaves_the_others_alone(
    service: Service, work: Work
) -> None:
    with pytest.raises(CallRefused) as refused:
        service.client.kickoff("broken", {})
    assert refused.value.message == (
        "Deployment 'broken' does not load from 'user_crews_that_do_not_import:crew': "
        "No module named 'a_library_that_nobody_installed'"
    )
    assert service.call("GET", "/healthz").status_code == 200
    execution_id = service.client.kickoff("plain", work.inputs())
    assert service.ended("plain", execution_id).status == "completed"
