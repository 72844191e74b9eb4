"""Have what was just written for endpoints sent at once. The sweep heals a lost one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from orchestrator import jobs
from orchestrator.ports import Transaction


def wake_endpoints(tx: Transaction, endpoint_ids: Iterable[str], now: datetime) -> None:
    """Have one drain of each endpoint published after the commit, unless one is on its way.

    The last thing that a transaction does: a drain that begins meanwhile waits for its end. The
    endpoints are taken in one order, so that two transactions never wait for each other.
    """
    for endpoint_id in sorted(set(endpoint_ids)):
        if tx.drains.announce(endpoint_id, now):
            tx.publish(jobs.drain(endpoint_id))
