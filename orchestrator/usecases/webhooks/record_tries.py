"""What became of deliveries: of those that were tried, and of those that never will be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.delivery_policy import host_after, judge
from orchestrator.domain.endpoint import Endpoint
from orchestrator.domain.timeline import worker_actor
from orchestrator.domain.transport import Transport, mail_address
from orchestrator.domain.webhooks import WebhookKind
from orchestrator.ports import Outcome
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.operations.audit import note
from orchestrator.usecases.reviews.undeliverable import note_reached, note_undeliverable
from orchestrator.usecases.webhooks.batch import Batch, Tried, attempt_of, told
from orchestrator.usecases.webhooks.locked_endpoint import LockedEndpoint

log = structlog.get_logger()

CANCELLED_AT_A_TIME = 200

_WHENEVER = datetime.max.replace(tzinfo=UTC)
"""A time by which all that waits is due."""

_USUAL = ("deliver", "retry")
"""What of a stream, which is a flood, stands with the deliveries alone."""


def record_tries(locked: LockedEndpoint, batch: Batch, tried: Sequence[Tried]) -> None:
    """Record what came of the tries of a batch, and give back what of it was not tried."""
    untried = batch.deliveries[len(tried) :]
    outcomes = [_judged(locked, one) for one in tried]
    outcomes += [Outcome(one, one.give_back()) for one in untried]
    written = locked.tx.deliveries.record(outcomes)
    lost = [outcome.before.id for outcome in outcomes if outcome.before.id not in written]
    if lost:
        log.warning("claims of deliveries were lost", delivery_ids=lost)
        locked.forget(lost)
    _note_mails(locked, [each.after for each in outcomes if each.before.id in written])


def cancel_waiting(locked: LockedEndpoint) -> bool:
    """End what waits for a disabled endpoint, a batch at a time; returns whether more may."""
    reason = f"Its endpoint is disabled: {locked.endpoint.reason}"
    waiting = locked.tx.deliveries.claim_due(
        locked.endpoint.id,
        locked.work.worker,
        _WHENEVER,
        locked.lease,
        CANCELLED_AT_A_TIME,
        bodies=False,
    )
    _note_mails(locked, cancel(locked, [(one, reason) for one in waiting.deliveries]))
    return waiting.is_full


def cancel(locked: LockedEndpoint, claimed: Sequence[tuple[Delivery, str]]) -> tuple[Delivery, ...]:
    """End claimed deliveries without a try, each for its reason; returns them as they are then."""
    for one, reason in claimed:
        locked.note("delivery.cancel", one, one.id, {"kind": one.kind, "error": reason})
    dropped = [Outcome(one, one.drop(locked.now, reason)) for one, reason in claimed]
    locked.tx.deliveries.record(dropped)
    return tuple(each.after for each in dropped)


def _judged(locked: LockedEndpoint, tried: Tried) -> Outcome:
    before, result = tried.delivery, tried.result
    jitter = locked.ports.chance.jitter()
    rules = settings_of(locked.ports, locked.tx, before.deployment).delivery_rules
    locked.host = host_after(locked.host, result, locked.now, jitter)
    verdict = judge(result, before, locked.endpoint, rules, locked.now, jitter)
    attempt = attempt_of(tried, verdict.delivery.attempts)
    if before.kind != WebhookKind.STREAM or verdict.transition not in _USUAL:
        locked.note(f"delivery.{verdict.transition}", before, before.id, told(before, attempt))
    if locked.endpoint.is_enabled and not verdict.endpoint.is_enabled:
        _tell_owner(locked, before, verdict.endpoint)
    locked.endpoint = verdict.endpoint
    return Outcome(before, verdict.delivery, attempt)


def _tell_owner(locked: LockedEndpoint, delivery: Delivery, disabled: Endpoint) -> None:
    """In the timeline of the execution that met it, in the log; the metrics read the row."""
    reason = disabled.reason
    locked.note("endpoint.disable", delivery, disabled.id, {"reason": reason})
    note(
        locked.ports,
        locked.tx,
        worker_actor(locked.work.worker),
        "endpoint.disable",
        disabled.id,
        disabled.deployment,
        reason=reason,
    )
    log.error(
        "endpoint disabled",
        endpoint_id=disabled.id,
        deployment=disabled.deployment,
        reason=reason,
    )


def _note_mails(locked: LockedEndpoint, ended: Sequence[Delivery]) -> None:
    """A mail that did not arrive leaves somebody unasked: that is noted in the same commit.

    So is one that does arrive, with whom others before it had not reached.
    """
    if locked.endpoint.transport is not Transport.MAIL:
        return
    about, worker = (locked.ports, locked.tx), locked.work.worker
    for each in ended:
        if each.state is DeliveryState.DELIVERED:
            note_reached(*about, each.deployment, mail_address(locked.endpoint.url), worker)
        elif each.finished_at:
            note_undeliverable(*about, each, worker)
