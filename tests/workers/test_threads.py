"""A worker with threads takes jobs that come many at once as fast as its threads are free."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from receiver import Receiver
from service import Service
from work import Work

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

MANY = 60
"""More than the worker of webhooks has threads, several times."""


def test_webhooks_to_many_endpoints_wait_for_no_more_than_a_thread(
    service: Service, receiver: Receiver, work: Work
) -> None:
    with stopped(service.process("webhooks")):
        executions = [
            service.client.kickoff(
                "plain", work.inputs(), crewWebhookUrl=f"{receiver.url}/{n}/crew"
            )
            for n in range(MANY)
        ]
        for execution_id in executions:
            service.ended("plain", execution_id)
    service.until(lambda: all(receiver.of(each, "crew") for each in executions))


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()
