"""Producers that have nothing but a Celery client kick off and answer by message."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import uuid4

import psutil
import pytest
from service import Service
from sqlalchemy import delete
from work import Work

from orchestrator.adapters.sql.schema import manifests
from orchestrator.domain.intake import IntakeMessage
from orchestrator.settings import embedded_broker_url

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

PRODUCER = """
import json, sys
from celery import Celery

app = Celery(broker=sys.argv[1])
name, message_id, arguments = json.load(sys.stdin)
app.send_task(name, kwargs=arguments, task_id=message_id, queue="intake")
assert not any(name.startswith("orchestrator") for name in sys.modules)
"""

Send: TypeAlias = Callable[..., str]


@pytest.fixture
def send(service: Service) -> Send:
    """Send one message from a process of its own; returns its id."""

    def produce(name: str, *, message_id: str | None = None, **arguments: Any) -> str:
        message_id = message_id or str(uuid4())
        subprocess.run(
            [sys.executable, "-c", PRODUCER, embedded_broker_url(service.data)],
            input=json.dumps([name, message_id, arguments]),
            check=True,
            text=True,
        )
        return message_id

    return produce


@pytest.fixture
def kickoff(send: Send) -> Send:
    def produce(body: dict[str, Any], deployment: str = "article", **more: Any) -> str:
        return send("orchestrator.kickoff", v=1, deployment=deployment, body=body, **more)

    return produce


def kept(service: Service, message_id: str, state: str) -> IntakeMessage:
    """The message once it has come to that."""

    def look() -> IntakeMessage | None:
        message = service.ports.store.read(lambda tx: tx.intake.get(message_id))
        return message if message and message.state == state else None

    return service.until(look)


def test_a_message_starts_an_execution_under_its_own_id_and_another_one_answers_it(
    service: Service, kickoff: Send, send: Send, work: Work
) -> None:
    execution_id = kickoff({"inputs": work.inputs()})
    kept(service, execution_id, "ACCEPTED")
    review = service.asked("article", execution_id)
    body = {"execution_id": execution_id, "task_id": review.id, "is_approve": True}
    send("orchestrator.answer", v=1, deployment="article", body=body)
    ended = service.ended("article", execution_id)
    assert (ended.status, ended.body["execution_origin"]) == ("completed", "intake")
    assert work.runs == ["research", "write", "publish"]


def test_many_messages_at_once_wait_for_no_more_than_a_thread(service: Service) -> None:
    ids = [str(uuid4()) for _ in range(30)]
    body = json.dumps([[], {"v": 1, "deployment": "nobody", "body": {"inputs": {}}}, {}])
    service.broker.lpush("intake", *(_envelope(each, body) for each in ids))
    service.until(lambda: _states(service, ids) == {"REFUSED"})


def _states(service: Service, ids: list[str]) -> set[str | None]:
    messages = service.ports.store.read(lambda tx: [tx.intake.get(each) for each in ids])
    return {message.state if message else None for message in messages}


def test_a_message_that_comes_twice_starts_one_execution(
    service: Service, kickoff: Send, work: Work
) -> None:
    execution_id = kickoff({"inputs": work.inputs()}, "plain")
    kickoff({"inputs": work.inputs()}, "plain", message_id=execution_id)
    service.until(lambda: service.log.count(f"orchestrator.kickoff[{execution_id}] succeeded") == 2)
    assert service.ended("plain", execution_id).status == "completed"
    assert work.runs == ["research", "write", "publish"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"v": 2, "deployment": "plain", "body": {}}, "must have 'v': 1"),
        ({"v": 1, "deployment": "plain", "body": {}}, "inputs: is required"),
        ({"v": 1, "deployment": "nobody", "body": {"inputs": {}}}, "No deployment named 'nobody'"),
        ({"v": 1, "deployment": "broken", "body": {"inputs": {}}}, "a_library_that_nobody"),
        ({"v": 1, "deployment": "plain"}, "needs 'deployment'"),
    ],
)
def test_a_message_that_cannot_be_carried_out_is_kept_with_the_reason_and_does_not_loop(
    service: Service, send: Send, message: dict[str, Any], reason: str
) -> None:
    message_id = send("orchestrator.kickoff", **message)
    assert reason in str(kept(service, message_id, "REFUSED").reason)
    service.until(lambda: service.broker.llen("intake") + service.broker.hlen("unacked") == 0)
    assert service.log.count(f"[{message_id}] received") == 1


def _envelope(message_id: object, body: str, **headers: object) -> str:
    """A message as kombu writes it, whose body says what no Celery client would."""
    envelope = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": "orchestrator.kickoff", "id": message_id, **headers},
        "properties": {
            "correlation_id": message_id,
            "body_encoding": "base64",
            "delivery_mode": 2,
            "delivery_tag": str(uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "intake"},
            "priority": 0,
        },
    }
    return json.dumps(envelope)


GOOD = '"v": 1, "deployment": "plain"'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f'[[], {{{GOOD}, "body": {{"inputs": {{"x": NaN}}}}}}, {{}}]', "JSON does not have"),
        (f'[[], {{{GOOD}, "body": {{"inputs": {{}}}}, "self": 1}}, {{}}]', "knows: 'self'"),
        ('[[1, "plain", {"inputs": {}}], {}, {}]', "none by position"),
    ],
)
def test_a_poisonous_message_is_kept_and_does_not_loop(
    service: Service, body: str, reason: str
) -> None:
    message_id = str(uuid4())
    service.broker.lpush("intake", _envelope(f"urn:uuid:{message_id.upper()}", body))
    assert reason in str(kept(service, message_id, "REFUSED").reason)
    service.until(lambda: service.broker.llen("intake") + service.broker.hlen("unacked") == 0)


def test_credentials_in_a_message_are_refused_and_not_kept(service: Service, kickoff: Send) -> None:
    authentication = {"strategy": "bearer", "token": "a-secret-of-the-receiver"}
    webhook = {"url": "https://hooks.example/x", "authentication": authentication}
    message_id = kickoff({"inputs": {}, "humanInputWebhook": webhook})
    refused = kept(service, message_id, "REFUSED")
    assert "Credentials in 'humanInputWebhook' are refused" in str(refused.reason)
    assert refused.body == {}
    assert "a-secret-of-the-receiver" not in service.log


def test_a_message_for_a_deployment_that_no_worker_has_loaded_waits_for_one(
    service: Service, kickoff: Send, work: Work
) -> None:
    service.write(delete(manifests).where(manifests.c.deployment == "plain"))
    execution_id = kickoff({"inputs": work.inputs()}, "plain")
    waiting = kept(service, execution_id, "WAITING")
    assert "No crew worker has loaded deployment 'plain' yet" in str(waiting.reason)
    idle: psutil.Process = service.process("crews").children()[0]
    idle.kill()  # the child that follows loads the deployments
    kept(service, execution_id, "ACCEPTED")
    assert service.ended("plain", execution_id).status == "completed"


def test_a_message_written_by_hand_starts_an_execution(service: Service) -> None:
    message_id = str(uuid4())
    body = {"inputs": {"topic": "owls"}}
    arguments = {"v": 1, "deployment": "article", "body": body}
    envelope = _envelope(message_id, json.dumps([[], arguments, {}]))
    service.broker.lpush("intake", envelope)
    assert kept(service, message_id, "ACCEPTED").execution_id == message_id
