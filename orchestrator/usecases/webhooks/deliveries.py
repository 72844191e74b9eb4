"""See what was delivered and what was not, and send it again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.chain import chained
from orchestrator.domain.delivery import DELIVERY, Delivery, DeliveryAttempt
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.timeline import Entry
from orchestrator.errors import Invalid, NotReplayable, UnknownDelivery
from orchestrator.ports import DeliveryFilter, Outcome, Ports, Position, Transaction
from orchestrator.usecases.operations.audit import note
from orchestrator.usecases.webhooks.endpoints import EndpointReport, read_endpoint
from orchestrator.usecases.webhooks.rights import without_rights
from orchestrator.usecases.webhooks.wake import wake_endpoints

REPLAYED_AT_A_TIME = 200

REPLAYED_AT_ONCE = 5_000
"""Deliveries that one press of a button sends again, while somebody waits for the page."""

MOST_COUNTED = 1_000
"""Of those that failed, more are not counted."""


def list_deliveries(
    ports: Ports, wanted: DeliveryFilter, after: Position | None, limit: int
) -> tuple[Delivery, ...]:
    """Some of the deliveries that are meant, newest first."""
    return ports.store.read(lambda tx: tx.deliveries.page(wanted, after, limit))


def read_delivery(
    ports: Ports, delivery_id: str, scope: Scope = EVERYWHERE
) -> tuple[Delivery, tuple[DeliveryAttempt, ...]]:
    """A delivery with all its tries. Raises UnknownDelivery, also for another deployment's."""

    def read(tx: Transaction) -> tuple[Delivery, tuple[DeliveryAttempt, ...]]:
        found = _visible(tx, delivery_id, scope)
        return found, tx.deliveries.attempts(delivery_id)

    return ports.store.read(read)


def replay_delivery(
    ports: Ports, delivery_id: str, actor: str, scope: Scope = EVERYWHERE
) -> Delivery:
    """Send a delivery that has ended again: the full schedule anew, under the same id.

    Raises UnknownDelivery; NotReplayable for one that is still being tried.
    """

    def decide(tx: Transaction) -> Delivery:
        tx.endpoints.lock(_visible(tx, delivery_id, scope).endpoint_id)
        found = _visible(tx, delivery_id, scope)  # another replay may have come first
        if not DELIVERY.allows("replay", found.state):
            raise NotReplayable(found.state)
        _replay(ports, tx, [found], actor)
        return found.replay(tx.now())

    return ports.store.transact(decide)


def replay_deliveries(
    ports: Ports, wanted: DeliveryFilter, actor: str, most: int = sys.maxsize
) -> int:
    """Send all that have ended again which the filter means, ``most`` at most; returns how many.

    Those that arrived are meant only where the filter asks for that state. The oldest come first.
    """
    replayed, after = 0, None
    while limit := min(REPLAYED_AT_A_TIME, most - replayed):
        found, count = _replay_some(ports, wanted, after, limit, actor)
        if not found:
            break
        replayed += count
        after = Position(found[-1].created_at, found[-1].id)
    return replayed


def failed_at(
    ports: Ports, endpoint_id: str, scope: Scope = EVERYWHERE
) -> tuple[EndpointReport, int]:
    """An endpoint, and how many of its deliveries have failed; no more than ``MOST_COUNTED``.

    Raises UnknownEndpoint.
    """
    report = read_endpoint(ports, endpoint_id, scope)
    failed = DeliveryFilter(endpoint_id=endpoint_id)
    return report, len(
        ports.store.read(lambda tx: tx.deliveries.closed(failed, None, MOST_COUNTED))
    )


def replay_failed(ports: Ports, endpoint_id: str, actor: str, scope: Scope = EVERYWHERE) -> int:
    """Send again what failed at an endpoint, ``REPLAYED_AT_ONCE`` at most; returns how many.

    Raises UnknownEndpoint, NotEntitled, and Invalid for one that is disabled.
    """
    if not read_endpoint(ports, endpoint_id, scope).endpoint.is_enabled:
        raise Invalid("It is disabled: what is sent there would be cancelled. Enable it first.")
    failed = DeliveryFilter(endpoint_id=endpoint_id)
    return replay_deliveries(ports, failed, actor, REPLAYED_AT_ONCE)


def _replay_some(
    ports: Ports, wanted: DeliveryFilter, after: Position | None, limit: int, actor: str
) -> tuple[Sequence[Delivery], int]:
    """What the filter means, and how many of these are sent again: others may have come first."""

    def decide(tx: Transaction) -> tuple[Sequence[Delivery], int]:
        found = tx.deliveries.closed(wanted, after, limit)
        return found, _replay(ports, tx, found, actor)

    return ports.store.transact(decide)


def _replay(ports: Ports, tx: Transaction, found: Sequence[Delivery], actor: str) -> int:
    now = tx.now()
    # As drains do: first the endpoint, which has the chain of these entries, then its deliveries.
    endpoints = {
        id_: tx.endpoints.lock(id_) for id_ in sorted({each.endpoint_id for each in found})
    }
    written = tx.deliveries.record([Outcome(each, each.replay(now)) for each in found])
    replayed = [each for each in found if each.id in written]
    for endpoint_id, endpoint in endpoints.items():
        entries = [_told(one, now, actor) for one in replayed if one.endpoint_id == endpoint_id]
        if endpoint is not None and entries:
            head, entries = chained(endpoint.head, entries)
            tx.endpoints.save(endpoint, endpoint.chained(head))
            tx.timeline.add(entries)
            told = {"deliveries": len(entries)}
            note(ports, tx, actor, "endpoint.replay", endpoint_id, endpoint.deployment, **told)
    wake_endpoints(tx, {each.endpoint_id for each in replayed}, now)
    return len(replayed)


def _told(replayed: Delivery, now: datetime, actor: str) -> Entry:
    return Entry(
        execution_id=replayed.execution_id,
        deployment=replayed.deployment,
        at=now,
        actor=actor,
        event="delivery.replay",
        subject_id=replayed.id,
        details={"kind": replayed.kind},
        endpoint_id=replayed.endpoint_id,
    )


def shown_body(delivery: Delivery) -> str | None:
    """The body of a delivery as people may see it; None where it cannot be read here.

    It is without what gives the right to answer: to see a review is not to decide it.
    """
    return None if delivery.body is None else without_rights(delivery.body)


def _visible(tx: Transaction, delivery_id: str, scope: Scope) -> Delivery:
    found = tx.deliveries.get(delivery_id)
    if found is None:
        raise UnknownDelivery(delivery_id)
    scope.require(found.deployment, UnknownDelivery(delivery_id))
    return found
