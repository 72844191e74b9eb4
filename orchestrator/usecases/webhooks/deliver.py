"""Deliver what is due at one endpoint.

A drain goes round: in one transaction it records what came of the last batch and claims the next
one; then it sends that, outside any transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.delivery import Delivery, SendResult
from orchestrator.domain.delivery_policy import stops_batch
from orchestrator.domain.endpoint import Endpoint
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import Ports
from orchestrator.usecases.webhooks.batch import Batch, DrainWork, Tried
from orchestrator.usecases.webhooks.deliver_batch import next_batch
from orchestrator.usecases.webhooks.rights import hide_rights

MOST_ROWS = 500
MOST_SECONDS = 2.0
"""After that a drain makes room for others, and has itself published again if more is due."""

FIRST_BATCH = 20
LARGEST_BATCH = 100
BATCH_SECONDS = 0.5
"""How long a batch should take to send: what is sent is recorded at least that often."""

LONGEST_BATCH = 2 * BATCH_SECONDS
"""After that what is left of a batch goes back untried."""


def drain(ports: Ports, endpoint_id: str, worker: str) -> int:
    """Send what is due at an endpoint; returns how many tries went out.

    Safe to run several times at once: each delivery is claimed by one of them, and there are never
    more than the limits allow.
    """
    ports.store.transact(lambda tx: tx.drains.begun(endpoint_id), durable=False)
    work = DrainWork(ports.ids.new(), endpoint_id, worker)
    pace = Pace()
    batch = next_batch(ports, work, None, (), pace.batch)
    while batch:
        tried = tuple(_send(ports, batch, pace))
        untried = map(_without_body, batch.deliveries[len(tried) :])
        batch = replace(batch, deliveries=(*(one.delivery for one in tried), *untried))
        batch = next_batch(ports, work, batch, tried, 0 if pace.is_over else pace.batch)
    return pace.sent


@dataclass
class Pace:
    """How fast a drain goes, and how far it has come."""

    sent: int = 0
    spent: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def count(self, result: SendResult) -> None:
        """One more try is done."""
        self.sent += 1
        self.spent += result.seconds

    @property
    def batch(self) -> int:
        """How many to claim at a time, so that a batch takes about ``BATCH_SECONDS``."""
        if not self.sent:
            return FIRST_BATCH
        mean = max(self.spent / self.sent, 1e-6)
        return max(1, min(LARGEST_BATCH, int(BATCH_SECONDS / mean)))

    @property
    def is_over(self) -> bool:
        """Whether others should have their turn."""
        return self.sent >= MOST_ROWS or time.monotonic() - self._began >= MOST_SECONDS


def _send(ports: Ports, batch: Batch, pace: Pace) -> Iterator[Tried]:
    """Send a batch, until it takes too long or the receiver turns out to be ill.

    What is left goes back untried. So a batch is over within ``LONGEST_BATCH`` and the one try that
    was under way then: its lease holds for longer.
    """
    over_at = time.monotonic() + LONGEST_BATCH
    for delivery in batch.deliveries:
        tried = _try(ports, batch.endpoint, batch.secrets, delivery)
        pace.count(tried.result)
        yield tried
        if stops_batch(tried.result, batch.endpoint) or time.monotonic() >= over_at:
            return


def _try(ports: Ports, endpoint: Endpoint, secrets: Sequence[str], delivery: Delivery) -> Tried:
    at, body = ports.clock.now(), delivery.body or b""
    result = send_signed(ports, endpoint, secrets, delivery.id, body)
    ports.crash_point("after-send")
    if result.response and delivery.kind == WebhookKind.HUMAN_INPUT:  # it is shown to whoever looks
        result = replace(result, response=hide_rights(result.response, body))
    return Tried(_without_body(delivery), at, result)


def _without_body(delivery: Delivery) -> Delivery:
    """What was sent is not held while the next batch is loaded."""
    return replace(delivery, body=b"")


def send_signed(
    ports: Ports, endpoint: Endpoint, secrets: Sequence[str], message_id: str, body: bytes
) -> SendResult:
    """Send bytes to an endpoint, under this id, signed as of now."""
    at = ports.clock.now()
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(at.timestamp()))}
    headers |= ports.signer.headers(secrets, message_id, at, body)
    return ports.sender.send(endpoint.url, body, headers, endpoint.authentication)
