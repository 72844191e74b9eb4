"""A delivery: one event for one endpoint, tried until it arrives or is given up with a reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.domain.machine import Machine, Transition


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "PENDING"
    """Not tried yet."""
    RETRYING = "RETRYING"
    """Tried without success; due again at ``due_at``."""
    DELIVERED = "DELIVERED"
    """The receiver answered 2xx."""
    EXHAUSTED = "EXHAUSTED"
    """The last attempt of its schedule failed, or a mail was refused for good."""
    BLOCKED = "BLOCKED"
    """The address is forbidden or impossible."""
    CANCELLED = "CANCELLED"
    """Given up early: the receiver said 410, a 4xx with ``stop_on_4xx``, or it is disabled; or a
    mail would have asked for what is decided already."""


OPEN = (DeliveryState.PENDING, DeliveryState.RETRYING)
_CLOSED = (
    DeliveryState.DELIVERED,
    DeliveryState.EXHAUSTED,
    DeliveryState.BLOCKED,
    DeliveryState.CANCELLED,
)

DELIVERY = Machine(
    "delivery",
    DeliveryState.PENDING,
    (
        Transition("deliver", OPEN, DeliveryState.DELIVERED, "the receiver answered 2xx"),
        Transition("retry", OPEN, DeliveryState.RETRYING, "an attempt failed; more are left"),
        Transition("exhaust", OPEN, DeliveryState.EXHAUSTED, "no attempt is left, or worth it"),
        Transition("block", OPEN, DeliveryState.BLOCKED, "the address is not allowed"),
        Transition(
            "cancel", OPEN, DeliveryState.CANCELLED, "410, stop_on_4xx, disabled, or in vain"
        ),
        Transition("replay", _CLOSED, DeliveryState.PENDING, "a person asked for it again"),
    ),
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint. ``id`` is its ``webhook-id``, the same on every attempt.

    ``body`` are the exact bytes that are sent and signed; lists leave it empty, since it may be
    large. It is None where it was encrypted with a secret key that this process does not have.
    ``attempts`` counts tries in the current schedule. ``claim_no``, ``claimed_by`` and
    ``lease_until`` work as in a task run.
    """

    id: str
    execution_id: str
    deployment: str
    endpoint_id: str
    kind: str
    sequence: int
    state: DeliveryState
    version: int
    body: bytes | None
    created_at: datetime
    due_at: datetime
    published_at: datetime
    wake_at: datetime
    publishes: int = 1
    attempts: int = 0
    claim_no: int = 0
    claimed_by: str | None = None
    lease_until: datetime | None = None
    finished_at: datetime | None = None
    reason: str | None = None

    def deliver(self, now: datetime) -> Delivery:
        """The receiver answered 2xx."""
        return self._ended("deliver", now, None)

    def exhaust(self, now: datetime, reason: str) -> Delivery:
        """The last attempt of the schedule failed, or another would be answered alike."""
        return self._ended("exhaust", now, reason)

    def block(self, now: datetime, reason: str) -> Delivery:
        """The address is not one that may be sent to."""
        return self._ended("block", now, reason)

    def cancel(self, now: datetime, reason: str) -> Delivery:
        """The receiver does not want it."""
        return self._ended("cancel", now, reason)

    def drop(self, now: datetime, reason: str) -> Delivery:
        """Cancelled without a try: its endpoint is disabled, or it would ask in vain."""
        state = DELIVERY.follow("cancel", self.state)
        return self._released(state=state, finished_at=now, reason=reason)

    def give_back(self) -> Delivery:
        """Claimed, but not tried: whoever comes next may have it. Uses up no attempt."""
        return self._released()

    def wait_for_key(self, until: datetime, reason: str) -> Delivery:
        """Claimed, but its body cannot be read here. Uses up no attempt."""
        return self._released(due_at=until, wake_at=until, publishes=0, reason=reason)

    def retry(self, due_at: datetime, reason: str) -> Delivery:
        """The attempt failed; try again at ``due_at``."""
        state = DELIVERY.follow("retry", self.state)
        again = {"due_at": due_at, "wake_at": due_at, "publishes": 0}
        return self._tried(state, reason, **again)

    def replay(self, now: datetime) -> Delivery:
        """A person asked for it again: the full schedule anew, under the same id."""
        state = DELIVERY.follow("replay", self.state)
        return replace(
            self,
            state=state,
            attempts=0,
            due_at=now,
            wake_at=now,
            publishes=0,
            finished_at=None,
            reason=None,
        )

    def _ended(self, transition: str, now: datetime, reason: str | None) -> Delivery:
        state = DELIVERY.follow(transition, self.state)
        return self._tried(state, reason, finished_at=now)

    def _tried(self, state: DeliveryState, reason: str | None, **more: Any) -> Delivery:
        attempts = self.attempts + 1
        return self._released(state=state, attempts=attempts, reason=reason, **more)

    def _released(self, **more: Any) -> Delivery:
        return replace(self, claimed_by=None, lease_until=None, **more)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of one try, by HTTP or SMTP.

    ``status`` is the code of either; it is None where no answer came, and then ``error`` says why.
    ``blocked`` says that the address is forbidden or impossible: no try went out. ``timed_out``
    says that time ran out.
    ``retry_after`` is what the receiver asked for, in seconds from now. ``response`` are the first
    bytes of the body, as text.
    """

    status: int | None
    seconds: float
    error: str | None = None
    blocked: bool = False
    timed_out: bool = False
    retry_after: float | None = None
    response: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - the class 2xx

    @property
    def summary(self) -> str:
        """The reason for which it did not succeed, as a sentence."""
        return self.error or f"The receiver answered {self.status}"


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try of a delivery.

    ``status`` is None where no answer came. ``seconds`` is how long it took, ``response`` the first
    bytes of what the receiver said, as text.
    """

    delivery_id: str
    number: int
    at: datetime
    status: int | None
    seconds: float
    error: str | None = None
    response: str = ""


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a receiver wants us to authenticate: ``bearer`` with a token, or ``basic``."""

    strategy: str
    token: str = ""
    username: str = ""
    password: str = ""
