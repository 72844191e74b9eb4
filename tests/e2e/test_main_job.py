"""A crew halts, a person asks for changes, then approves: over HTTP, with every webhook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from receiver import Received, Receiver
from service import WEBHOOK_SECRET, Service
from standardwebhooks import Webhook
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

Kickoff: TypeAlias = Callable[..., str]
META = {"order": 17}


@pytest.fixture
def kickoff(service: Service, receiver: Receiver, work: Work) -> Kickoff:
    def begin(**more: Any) -> str:
        options = {**receiver.webhooks, "carryWebhooks": True, "meta": META, **more}
        return service.client.kickoff("article", work.inputs(), **options)

    return begin


@pytest.fixture
def finished(service: Service, kickoff: Kickoff) -> str:
    """An execution that went through a rejection and an approval to its end."""
    execution_id = kickoff()
    first = service.asked("article", execution_id)
    service.client.reject("article", execution_id, first, "Mention owls")
    second = service.asked("article", execution_id, first)
    service.client.approve("article", execution_id, second, "Print it")
    service.ended("article", execution_id)
    return execution_id


def received(
    service: Service, receiver: Receiver, execution_id: str, kind: str, count: int
) -> list[Received]:
    """What came of one kind, once that many did and nothing is left to be sent."""

    def nothing_waits() -> bool:
        deliveries = service.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
        return all(delivery.state == "DELIVERED" for delivery in deliveries)

    service.until(lambda: len(receiver.of(execution_id, kind)) >= count and nothing_waits())
    return receiver.of(execution_id, kind)


def test_a_halted_execution_says_what_waits_for_a_person(
    service: Service, kickoff: Kickoff
) -> None:
    execution_id = kickoff()
    review = service.asked("article", execution_id)
    body = service.client.status("article", execution_id).body
    assert (body["status"], body["state"]) == ("pending_human_input", "RUNNING")
    assert body["current_task"] == "write"
    assert body["progress"]["completed_tasks"] == 1
    assert body["last_executed_task"]["output"] == "research 1"
    assert body["meta"] == META
    assert (review.task_name, review.round, review.output) == ("write", 1, "write 1")


def test_a_rejected_task_runs_again_with_its_answer_and_the_words_and_is_reviewed_anew(
    service: Service, kickoff: Kickoff
) -> None:
    execution_id = kickoff()
    first = service.asked("article", execution_id)
    told = service.client.reject("article", execution_id, first, "Mention owls")
    second = service.asked("article", execution_id, first)
    assert told == "retrying"
    assert (second.id != first.id, second.round) == (True, 2)
    assert second.output == "write 2 with 'write 1' and ('Mention owls',)"


def test_an_approval_carries_the_words_on_and_the_execution_ends(
    service: Service, finished: str, work: Work
) -> None:
    body = service.client.status("article", finished).body
    assert (body["status"], body["state"]) == ("completed", "SUCCESS")
    assert body["result"].endswith("; Mention owls Print it")
    assert [task["name"] for task in body["tasks"]] == ["research", "write", "publish"]
    assert body["progress"]["remaining"] == 0
    assert work.runs == ["research", "write", "write", "publish"]


def test_an_old_round_cannot_be_answered_again(service: Service, kickoff: Kickoff) -> None:
    execution_id = kickoff()
    first = service.asked("article", execution_id)
    service.client.reject("article", execution_id, first, "Mention owls")
    service.asked("article", execution_id, first)
    late = {"execution_id": execution_id, "task_id": first.id, "is_approve": True}
    refused = service.call("POST", "/crews/article/resume", late)
    assert refused.status_code == 409
    assert refused.json()["winner"]["approved"] is False


def test_each_task_is_told_once_with_its_final_output(
    service: Service, receiver: Receiver, finished: str
) -> None:
    told = received(service, receiver, finished, "task", 3)
    assert sorted(each.body["name"] for each in told) == ["publish", "research", "write"]
    outputs = {each.body["name"]: each.body["output"] for each in told}
    assert outputs["write"].startswith("write 2 with 'write 1'")
    assert all(each.body["meta"] == META for each in told)


def test_the_end_is_told_once_with_the_result(
    service: Service, receiver: Receiver, finished: str
) -> None:
    (crew,) = received(service, receiver, finished, "crew", 1)
    status = service.client.status("article", finished)
    assert crew.body["result"] == status.result
    assert (crew.body["status"], crew.body["meta"]) == ("completed", META)
    assert set(crew.body["token_usage"]) >= {"total_tokens", "prompt_tokens", "completion_tokens"}


def test_each_halt_is_told_once(service: Service, receiver: Receiver, finished: str) -> None:
    halts = received(service, receiver, finished, "human_input", 2)
    assert [each.body["round"] for each in halts] == [1, 2]
    assert halts[0].body["task_output"] == "write 1"
    assert halts[0].body["execution_id"] == finished
    path = f"/crewai_plus/api/v1/human_feedback_requests/{halts[0].body['task_id']}/respond?token="
    assert halts[0].body["callback_url"].startswith(f"{service.url}{path}")


def test_the_task_id_of_a_notice_answers_its_review(
    service: Service, receiver: Receiver, kickoff: Kickoff
) -> None:
    execution_id = kickoff()
    (halt,) = received(service, receiver, execution_id, "human_input", 1)
    answer = {"execution_id": execution_id, "task_id": halt.body["task_id"], "is_approve": True}
    told = requests_post(service, halt.body["callback_url"], answer)
    assert told["status"] == "accepted"
    assert service.ended("article", execution_id).status == "completed"


def requests_post(service: Service, url: str, body: object) -> dict[str, Any]:
    told: dict[str, Any] = service.call("POST", url.removeprefix(service.url), body).json()
    return told


def test_webhooks_are_signed(service: Service, receiver: Receiver, finished: str) -> None:
    (crew,) = received(service, receiver, finished, "crew", 1)
    headers = {name.lower(): value for name, value in crew.headers.items()}
    Webhook(WEBHOOK_SECRET).verify(crew.content.decode(), headers)
    with pytest.raises(Exception, match="signature"):
        Webhook(WEBHOOK_SECRET).verify(crew.content.decode() + " ", headers)


def test_a_resume_that_names_no_webhooks_drops_those_of_the_kickoff_and_says_so(
    service: Service, receiver: Receiver, kickoff: Kickoff
) -> None:
    execution_id = kickoff(carryWebhooks=False)
    review = service.asked("article", execution_id)
    answer = {"execution_id": execution_id, "task_id": review.id, "is_approve": True}
    told = service.call("POST", "/crews/article/resume", answer).json()
    service.ended("article", execution_id)
    assert len(told["warnings"]) == 2
    received(service, receiver, execution_id, "human_input", 1)
    assert [each.body["name"] for each in receiver.of(execution_id, "task")] == ["research"]
    assert receiver.of(execution_id, "crew") == []
