"""What a drain has in hand: who drains, what was claimed, and what came of each try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.delivery import Delivery, DeliveryAttempt, SendResult
from orchestrator.domain.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class DrainWork:
    """One drain: its id, where it drains, and whose thread it is."""

    id: str
    endpoint_id: str
    worker: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What a drain has claimed, whom it is for, and what signs it.

    ``is_full``: more may be due. ``unproven``: the receiver is not known to be well.
    """

    endpoint: Endpoint
    secrets: tuple[str, ...]
    deliveries: tuple[Delivery, ...]
    is_full: bool
    unproven: bool

    def leaves_some(self, tried: Sequence[Tried]) -> bool:
        """Whether more may be due than these: not claimed, or claimed and given back untried."""
        return self.is_full or len(tried) < len(self.deliveries)


@dataclass(frozen=True, slots=True)
class Tried:
    """A try that went out at ``at``, and what came of it."""

    delivery: Delivery
    at: datetime
    result: SendResult


def attempt_of(tried: Tried, number: int) -> DeliveryAttempt:
    """The try as it is kept, the ``number``-th of its delivery."""
    return DeliveryAttempt(
        delivery_id=tried.delivery.id,
        number=number,
        at=tried.at,
        status=tried.result.status,
        seconds=tried.result.seconds,
        error=tried.result.error,
        response=tried.result.response,
    )


def told(delivery: Delivery, attempt: DeliveryAttempt) -> JsonObject:
    """What the timeline says of a try."""
    return {
        "kind": delivery.kind,
        "attempt": attempt.number,
        "status": attempt.status,
        "error": attempt.error,
    }
