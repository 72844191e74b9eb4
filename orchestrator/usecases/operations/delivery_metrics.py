"""Figures about deliveries, from the database: no worker's death leaves them wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.figures import TRY_BUCKETS, EndpointHealth, TryFigures
from orchestrator.ports import Ports, Transaction

WINDOW = timedelta(minutes=5)
"""How far back tries are looked at."""

MOST_ENDPOINTS = 500
"""Of how many endpoints the health is told, the newest."""


@dataclass(frozen=True, slots=True)
class RecentTries:
    """The tries of the last ``WINDOW``: by outcome, and how long they took.

    ``outcomes`` has ``2xx`` to ``5xx`` and ``none`` (no answer came). ``within`` counts, for each
    bound of ``TRY_BUCKETS``, the tries that took no longer.
    """

    outcomes: Mapping[str, int]
    within: Mapping[float, int]
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class EndpointFigures:
    """An endpoint's health: whether it is enabled, left in peace, failing, and what waits there.

    ``failing_seconds`` is for how long it has only failed, 0 for a well one.
    """

    endpoint_id: str
    deployment: str
    enabled: bool
    quiet: bool
    failing_seconds: float
    waiting: int


@dataclass(frozen=True, slots=True)
class DeliveryMetrics:
    """All of them. ``counts`` are deliveries by deployment and state, as they are now.

    ``oldest_due_seconds`` is for how long the delivery has been due that has been for longest,
    0 where none is.
    """

    counts: Mapping[tuple[str, DeliveryState], int]
    oldest_due_seconds: float
    recent: RecentTries
    endpoints: tuple[EndpointFigures, ...]


def delivery_metrics(ports: Ports) -> DeliveryMetrics:
    """Compute the figures, in one reading transaction."""
    return ports.store.read(_compute)


def _compute(tx: Transaction) -> DeliveryMetrics:
    now = tx.now()
    oldest = tx.figures.oldest_due_delivery(now)
    endpoints = tx.figures.endpoints(MOST_ENDPOINTS)
    waiting = tx.figures.waiting_deliveries([endpoint.id for endpoint in endpoints])

    def figures(endpoint: EndpointHealth) -> EndpointFigures:
        return EndpointFigures(
            endpoint_id=endpoint.id,
            deployment=endpoint.deployment,
            enabled=endpoint.is_enabled,
            quiet=endpoint.quiet_until is not None and endpoint.quiet_until > now,
            failing_seconds=(now - (endpoint.failing_since or now)).total_seconds(),
            waiting=waiting.get(endpoint.id, 0),
        )

    return DeliveryMetrics(
        counts=tx.figures.deliveries(),
        oldest_due_seconds=(now - oldest).total_seconds() if oldest else 0.0,
        recent=_recent(tx.figures.tries(now - WINDOW)),
        endpoints=tuple(figures(endpoint) for endpoint in endpoints),
    )


def _recent(tries: Sequence[TryFigures]) -> RecentTries:
    outcomes = dict.fromkeys(("2xx", "3xx", "4xx", "5xx", "none"), 0)
    for each in tries:
        outcomes[f"{each.hundreds}xx" if each.hundreds else "none"] = each.count
    within = {
        bound: sum(each.buckets[place] for each in tries) for place, bound in enumerate(TRY_BUCKETS)
    }
    seconds = sum(each.seconds for each in tries)
    return RecentTries(outcomes, within, sum(outcomes.values()), seconds)
