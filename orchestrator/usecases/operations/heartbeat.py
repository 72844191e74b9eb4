"""See that the database is there and its clock goes on: no lease lapses unless they were.

Leases lapse by the last heartbeat, not by the time itself. While the database takes no writes
there is none; with the first one after that, or after the clock jumped, every lease begins anew.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import structlog

from orchestrator.domain import retry
from orchestrator.ports import Ports, Transaction

log = structlog.get_logger()


def beat(ports: Ports) -> bool:
    """Write the heartbeat, where it is time for one; whether it is the first of an hour.

    Raises DatabaseAway.
    """
    return ports.store.read(is_due) and ports.store.transact(_beat, durable=False)


def is_due(tx: Transaction) -> bool:
    """Whether it is time for a heartbeat."""
    last, now = tx.sweeps.last_beat(), tx.now()
    return last is None or not timedelta() <= now - last < retry.HEARTBEAT


def _beat(tx: Transaction) -> bool:
    last, now = tx.sweeps.last_beat(), tx.now()
    if last is None:
        tx.sweeps.beat(None, now)
        tx.sweeps.renew_leases(now, retry.LEASE, seen_since=None)
        return True
    if timedelta() < last - now <= retry.WENT_BACK:
        return False  # two machines' clocks, or one that is being slowed: it will catch up
    is_ours = tx.sweeps.beat(last, now)
    if is_ours:
        _make_good(tx, last, now)
    return is_ours and _hour(last) != _hour(now)


def _hour(at: datetime) -> tuple[date, int]:
    return at.date(), at.hour


def _make_good(tx: Transaction, last: datetime, now: datetime) -> None:
    """Nobody could renew a lease while the database was away; a clock that jumped says nothing."""
    passed = now - last
    if timedelta() <= passed <= retry.MISSED:
        return
    log.warning("leases begin anew", seconds_since_the_last_heartbeat=passed.total_seconds())
    tx.sweeps.renew_leases(now, retry.LEASE, seen_since=last - retry.SHOWN_WITHIN)
    if passed < timedelta():
        tx.sweeps.bring_forward(now, -passed)
