"""Deliver what is due at one endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog

from orchestrator import jobs
from orchestrator.domain import retry
from orchestrator.domain.delivery import Delivery, DeliveryAttempt, Endpoint
from orchestrator.domain.timeline import Entry, worker_actor
from orchestrator.ports import Ports, SendResult, Transaction

log = structlog.get_logger()

BATCH = 20
"""How many deliveries a drain claims at a time."""

LEASE = timedelta(minutes=10)
"""Longer than a batch can take: each try has a deadline of its own."""

MOST_BATCHES = 10
"""After that many a drain makes room for others, and has itself published again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a try means for its delivery: its state after it, and the name of the transition."""

    transition: str
    after: Delivery


def drain(ports: Ports, endpoint_id: str, worker: str) -> int:
    """Send what is due at an endpoint; returns how many tries went out.

    Safe to run several times at once: each delivery is claimed by one of them.
    """
    endpoint = ports.store.read(lambda tx: tx.endpoints.get(endpoint_id))
    if endpoint is None:
        return 0
    sent = 0
    for _ in range(MOST_BATCHES):
        batch = _claim(ports, endpoint_id, worker)
        for delivery in batch:
            _try(ports, endpoint, delivery, worker)
        sent += len(batch)
        if len(batch) < BATCH:
            return sent
    ports.store.transact(lambda tx: tx.publish(jobs.drain(endpoint_id)))
    return sent


def _claim(ports: Ports, endpoint_id: str, worker: str) -> tuple[Delivery, ...]:
    return ports.store.transact(
        lambda tx: tx.deliveries.claim_due(endpoint_id, worker, ports.clock.now(), LEASE, BATCH)
    )


def _try(ports: Ports, endpoint: Endpoint, delivery: Delivery, worker: str) -> None:
    at = ports.clock.now()
    headers = ports.signer.headers(delivery.deployment, delivery.id, at, delivery.body)
    result = ports.sender.send(endpoint.url, delivery.body, headers, endpoint.authentication)
    ports.crash_point("after-send")
    attempt = DeliveryAttempt(
        delivery_id=delivery.id,
        number=delivery.attempts + 1,
        at=at,
        status=result.status,
        seconds=result.seconds,
        error=result.error,
        answer=result.answer,
    )
    ports.store.transact(lambda tx: _record(ports, tx, delivery, result, attempt, worker))


def _record(
    ports: Ports,
    tx: Transaction,
    delivery: Delivery,
    result: SendResult,
    attempt: DeliveryAttempt,
    worker: str,
) -> None:
    verdict = judge(ports, delivery, result)
    if not tx.deliveries.save(delivery, verdict.after, attempt):
        log.warning("delivery's claim was lost", delivery_id=delivery.id)
        return
    details: dict[str, str | int | None] = {
        "kind": delivery.kind,
        "attempt": attempt.number,
        "status": result.status,
        "error": result.error,
    }
    entry = Entry(
        execution_id=delivery.execution_id,
        deployment=delivery.deployment,
        at=ports.clock.now(),
        actor=worker_actor(worker),
        event=f"delivery.{verdict.transition}",
        subject_id=delivery.id,
        details={key: value for key, value in details.items() if value is not None},
    )
    tx.timeline.add([entry])


def judge(ports: Ports, delivery: Delivery, result: SendResult) -> Verdict:
    """Decide what the result of a try means."""
    now = ports.clock.now()
    reason = result.error or f"The receiver answered {result.status}"
    if result.succeeded:
        return Verdict("deliver", delivery.deliver(now))
    if result.blocked:
        return Verdict("block", delivery.block(now, reason))
    due_at = retry.delivery_due_again_at(now, delivery.attempts + 1, ports.chance.jitter())
    if due_at is None:
        return Verdict("exhaust", delivery.exhaust(now, reason))
    return Verdict("retry", delivery.retry(due_at, reason))
