"""Have what was just written for endpoints sent at once. The sweep heals a lost one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from orchestrator import jobs
from orchestrator.domain.transport import Transport
from orchestrator.ports import Transaction

_QUEUES = {Transport.HTTP: jobs.WEBHOOKS, Transport.MAIL: jobs.MAIL}


def wake_endpoints(tx: Transaction, endpoint_ids: Iterable[str], now: datetime) -> None:
    """Have one drain of each endpoint published after the commit, unless one is on its way.

    The last thing that a transaction does: a drain that begins meanwhile waits for its end. The
    endpoints are taken in one order, so that two transactions never wait for each other.
    """
    for endpoint_id in sorted(set(endpoint_ids)):
        if tx.drains.announce(endpoint_id, now):
            publish_drain(tx, endpoint_id, tx.endpoints.transport(endpoint_id))


def publish_drain(tx: Transaction, endpoint_id: str, transport: Transport) -> None:
    """Have a drain of the endpoint published after the commit, for the workers of its transport."""
    tx.publish(jobs.drain(endpoint_id, _QUEUES[transport]))
