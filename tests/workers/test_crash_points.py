"""A process dies at the very places where that would hurt."""

from __future__ import annotations

from contextlib import suppress

import psutil
import pytest
import requests
from receiver import Receiver
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("workers")]


def test_a_worker_that_dies_between_commit_and_publish_has_its_job_published_again(
    service: Service, work: Work
) -> None:
    armed = {"arm": "write", "guard": str(service.guard("after-commit"))}
    execution_id = service.client.kickoff("plain", work.inputs(**armed))
    service.until(lambda: work.pids("write") and not psutil.pid_exists(work.pids("write")[0]))
    assert service.task_run(execution_id, "write").state == "COMMITTED"
    service.sweep_now()
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "publish"]


def test_an_api_that_dies_between_commit_and_publish_began_one_execution(
    service: Service, work: Work
) -> None:
    api = service.process("api")
    service.crash_next("after-commit", "api")
    with suppress(requests.ConnectionError):
        service.client.kickoff("plain", work.inputs(), key=str(work.folder))
    service.until(lambda: not api.is_running())
    service.await_ready()
    execution_id = service.client.kickoff("plain", work.inputs(), key=str(work.folder))
    service.sweep_now()
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "publish"]


def test_a_worker_that_dies_between_claim_and_run_costs_an_attempt_and_nothing_else(
    service: Service, work: Work
) -> None:
    service.crash_next("after-claim")
    execution_id = service.client.kickoff("plain", work.inputs())
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "publish"]
    assert service.task_run(execution_id, "research").attempts == 2


def test_a_webhook_whose_sending_was_not_recorded_is_sent_again_under_the_same_id(
    service: Service, receiver: Receiver, work: Work
) -> None:
    service.crash_next("after-send")
    hook = receiver.webhooks["crewWebhookUrl"]
    execution_id = service.client.kickoff("plain", work.inputs(), crewWebhookUrl=hook)
    service.until(service.guard("after-send").exists)
    service.lapse(execution_id)
    service.sweep_now()
    service.until(lambda: len(receiver.of(execution_id)) == 2)
    first, second = receiver.of(execution_id)
    assert (second.id, second.content) == (first.id, first.content)
    service.until(lambda: _states(service, execution_id) == ["DELIVERED"])


def _states(service: Service, execution_id: str) -> list[str]:
    deliveries = service.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    return [delivery.state for delivery in deliveries]
