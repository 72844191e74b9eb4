"""Purge what finished executions sent, put out and were told, once that is old enough."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from orchestrator.errors import Transient
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.heartbeat import beat

log = structlog.get_logger()

EXECUTIONS_AT_A_TIME = 20
DELIVERIES_AT_A_TIME = 200
UNANSWERED_AT_A_TIME = 200
"""Small batches: nobody waits for a purge."""


def purge(ports: Ports) -> int:
    """Purge a few executions, and all that came in and led to none; returns how many rows.

    What stays is the execution itself with its inputs, and its timeline, which has digests in place
    of what people said. Deliveries that are still open keep all of an execution's. Does nothing
    where everything is kept for ever.
    """
    if ports.keep_finished is None:
        return 0
    keep = ports.keep_finished
    old = ports.store.read(lambda tx: tx.executions.to_purge(tx.now() - keep, EXECUTIONS_AT_A_TIME))
    gone = _forget_all(ports, keep)
    return gone + sum(_try_to_purge(ports, execution_id) for execution_id in old)


def _forget_all(ports: Ports, keep: timedelta) -> int:
    """All of it: where nothing else is due, nobody comes again for an hour."""
    gone = 0
    while some := ports.store.transact(lambda tx: _forget(tx, tx.now() - keep)):
        gone += some
        beat(ports)
    return gone


def _forget(tx: Transaction, before: datetime) -> int:
    """Delete mails and messages that decided and began nothing."""
    mails = tx.mails.forget(before, UNANSWERED_AT_A_TIME)
    return mails + tx.intake.forget(before, UNANSWERED_AT_A_TIME)


def _try_to_purge(ports: Ports, execution_id: str) -> int:
    """One that cannot be purged keeps none of the others."""
    try:
        return _purge(ports, execution_id)
    except Transient:
        raise
    except Exception:
        log.exception("an execution could not be purged", execution_id=execution_id)
        return 0


def _purge(ports: Ports, execution_id: str) -> int:
    def decide(tx: Transaction) -> int:
        execution = tx.executions.lock(execution_id)
        if execution is None or execution.is_open or execution.purged_at:
            return 0
        deleted = tx.deliveries.purge(execution_id, DELIVERIES_AT_A_TIME)
        if deleted or tx.deliveries.any_of(execution_id):
            return deleted
        tx.calls.purge_execution(execution_id)
        tx.outputs.purge(execution_id)
        tx.checkpoints.purge(execution_id)
        tx.reviews.purge(execution_id)
        tx.recipients.purge(execution_id)
        tx.timeline.purge(execution_id)
        tx.intake.purge(execution_id)
        tx.mails.purge(execution_id)
        tx.executions.purged(execution_id, tx.now())
        return 1

    return ports.store.transact(decide)
