"""Messages that are no jobs, or none that can be done: refused with a reason, counted, and gone."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from service import Service
from work import Work

from orchestrator.domain.figures import Refusals
from orchestrator.jobs import DRAIN, RESUME, RUN_TASK, SEND_LINK
from orchestrator.usecases.operations.refuse_job import Refusal

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

ID, OTHER = str(uuid4()), str(uuid4())
IDS = {"execution_id": ID, "task_run_id": OTHER}
SECRET = "a-secret-in-a-message"


def message(job: str, body: bytes, queue: str = "crews", **properties: Any) -> str:
    """A message as kombu has it in Redis."""
    told = {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": job, "id": str(uuid4())},
        "properties": {
            "body_encoding": "base64",
            "delivery_mode": 2,
            "delivery_tag": str(uuid4()),
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
        },
    }
    return json.dumps({**told, **properties})


def job(name: str, *positional: Any, **arguments: Any) -> str:
    queue = {DRAIN: "webhooks", SEND_LINK: "mail"}.get(name, "crews")
    return message(name, json.dumps([positional, arguments, {}]).encode(), queue)


POISON = [
    (Refusal.UNREADABLE, "crews", message(RUN_TASK, f"{{no JSON {SECRET}".encode())),
    (Refusal.UNREADABLE, "crews", message(RUN_TASK, b"\xff\xfe")),
    (Refusal.UNREADABLE, "crews", message(RUN_TASK, b"[]", **{"content-type": "pickle"})),
    (Refusal.UNREADABLE, "intake", message("orchestrator.kickoff", b"{", "intake")),
    (Refusal.UNREADABLE, "crews", message(RUN_TASK, b'"a text"')),
    (Refusal.UNREADABLE, "crews", message(RUN_TASK, b'"abc"')),
    (Refusal.UNREADABLE, "crews", message(RUN_TASK, b"[[], {}, {}]", headers={"task": RUN_TASK})),
    (Refusal.UNREADABLE, "crews", message(RUN_TASK, b'[[], "no arguments", {}]')),
    (Refusal.UNKNOWN_JOB, "crews", job("orchestrator.of_tomorrow", v=1, secret=SECRET)),
    (Refusal.FORMAT, "crews", job(RUN_TASK, v=0, **IDS)),
    (Refusal.FORMAT, "crews", job(RESUME, v=99, **IDS)),
    (Refusal.FORMAT, "crews", job(RUN_TASK, **IDS)),
    (Refusal.ARGUMENTS, "crews", job(RUN_TASK, v=1, execution_id=7, task_run_id=OTHER)),
    (Refusal.ARGUMENTS, "crews", job(RUN_TASK, v=1, **{**IDS, "task_run_id": "'; DROP"})),
    (Refusal.ARGUMENTS, "crews", job(RUN_TASK, v=1, execution_id=ID)),
    (Refusal.ARGUMENTS, "crews", job(RUN_TASK, v=1, **IDS, more=1)),
    (Refusal.ARGUMENTS, "crews", job(RUN_TASK, 1, v=1)),
    (Refusal.ARGUMENTS, "webhooks", job(DRAIN, v=1, endpoint_id=["a"])),
    (Refusal.UNKNOWN_ID, "crews", job(RUN_TASK, v=1, **IDS)),
    (Refusal.UNKNOWN_ID, "webhooks", job(DRAIN, v=1, endpoint_id=ID)),
    (Refusal.UNKNOWN_ID, "mail", job(SEND_LINK, v=1, link_id=ID)),
]


def refused(service: Service) -> dict[str, int]:
    return dict(service.ports.store.read(lambda tx: tx.figures.refused(Refusals.JOBS)))


def test_poison_is_refused_counted_and_gone_and_the_service_works_on(
    service: Service, work: Work
) -> None:
    before = Counter(refused(service))
    worker = service.process("crews").pid
    held = set(service.broker.hkeys("unacked"))  # by workers that an earlier test killed
    for _, queue, poison in POISON:
        service.broker.lpush(queue, poison)
    expected = Counter(why.value for why, *_ in POISON)
    service.until(lambda: Counter(refused(service)) - before == expected)
    queues = ("crews", "webhooks", "intake")
    service.until(lambda: not sum(map(service.broker.llen, queues)))
    service.until(lambda: held.issuperset(service.broker.hkeys("unacked")))
    assert SECRET not in service.log
    assert service.process("crews").pid == worker

    execution_id = service.client.kickoff("plain", work.inputs())
    assert service.ended("plain", execution_id).status == "completed"
    shown = service.call("GET", "/metrics").text
    assert 'crew_orchestrator_jobs_refused_total{why="unknown_job"}' in shown
