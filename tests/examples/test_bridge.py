"""The bridge of the documents, against the real service: what a person types there decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from processes import free_port
from service import WEBHOOK_SECRET, Service
from standardwebhooks import Webhook
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

BRIDGE = Path(__file__).parents[2] / "examples" / "bridge" / "bridge.py"


class Bridge:
    """The bridge, with a person at its terminal."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@pytest.fixture
def bridge(service: Service, tmp_path: Path) -> Iterator[Bridge]:
    port = free_port()
    with (tmp_path / "bridge.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(BRIDGE)],
            env={**os.environ, "PORT": str(port), "WEBHOOK_SECRET": WEBHOOK_SECRET},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            text=True,
        )
    url = f"http://127.0.0.1:{port}/notice"

    def listens() -> bool:
        try:
            return requests.get(url, timeout=5).status_code == 501  # it takes POST alone
        except requests.ConnectionError:
            return False

    try:
        service.until(listens)
        yield Bridge(process, url)
    finally:
        process.kill()
        process.communicate()


def test_what_a_person_types_decides(service: Service, bridge: Bridge, work: Work) -> None:
    named = {"humanInputWebhookUrl": bridge.url}
    execution_id = service.client.kickoff("article", work.inputs(), **named)
    first = service.asked("article", execution_id)
    bridge.type("shorter, please")
    service.asked("article", execution_id, first)
    bridge.type("")
    assert service.ended("article", execution_id).status == "completed"
    answers = [
        entry["details"]
        for entry in service.client.timeline(execution_id)
        if entry["event"] == "review.answer"
    ]
    assert [answer["feedback"] for answer in answers] == ["shorter, please", ""]


def test_a_reminder_is_no_question(service: Service, bridge: Bridge, work: Work) -> None:
    told = {"task_name": "write", "event": "reminder", "callback_url": bridge.url, "round": 1}
    body = json.dumps({**told, "assigned_to": "ann@example.com"})
    now = datetime.now(UTC)
    signature = Webhook(WEBHOOK_SECRET).sign("reminder", now, body)
    headers = {"webhook-id": "reminder", "webhook-timestamp": str(int(now.timestamp()))}
    headers["webhook-signature"] = signature
    assert requests.post(bridge.url, body, headers=headers, timeout=5).status_code == 204

    named = {"humanInputWebhookUrl": bridge.url}
    execution_id = service.client.kickoff("article", work.inputs(), **named)
    service.asked("article", execution_id)
    bridge.type("")
    assert service.ended("article", execution_id).status == "completed"


def test_a_notice_that_is_not_signed_is_refused(bridge: Bridge) -> None:
    forged = requests.post(bridge.url, json={"callback_url": "http://127.0.0.1:9/"}, timeout=5)
    assert forged.status_code == 401
