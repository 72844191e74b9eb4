"""A worker with threads takes jobs as fast as they are free, and ends though they are not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from receiver import Receiver
from service import SECONDS, Service
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


def test_a_receiver_that_says_nothing_does_not_hold_up_the_end_of_a_worker(
    service: Service, work: Work
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        receiver.settimeout(SECONDS)
        url = "http://{}:{}/crew".format(*receiver.getsockname())
        service.client.kickoff("plain", work.inputs(), crewWebhookUrl=url)
        with receiver.accept()[0]:
            worker = service.process("webhooks")
            worker.terminate()
            worker.wait(SECONDS)
    assert "Unrecoverable error" not in service.log


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()
