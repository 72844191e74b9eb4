"""What a try means for its delivery and its endpoint, and what may be sent next. Pure.

Times and chance come in; new values of the nouns go out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from orchestrator.domain.delivery import Delivery, SendResult
from orchestrator.domain.endpoint import Endpoint, Health
from orchestrator.domain.endpoint_host import Host
from orchestrator.domain.retry import DELIVERY_DELAYS, delivery_due_again_at
from orchestrator.domain.transport import Transport
from orchestrator.domain.webhooks import WebhookKind

_NOTICES_BEGIN = tuple(timedelta(seconds=seconds) for seconds in (0, 5, 30, 120))
_NOTICES_GO_ON = timedelta(minutes=10)
_NOTICES_LEFT = sum(DELIVERY_DELAYS, timedelta()) - sum(_NOTICES_BEGIN, timedelta())

NOTICE_DELAYS = (*_NOTICES_BEGIN, *([_NOTICES_GO_ON] * (_NOTICES_LEFT // _NOTICES_GO_ON)))
"""The delay before each attempt of a human-input notice or a mail: a person waits to be asked."""

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A receiver that asks for more with ``Retry-After`` gets this much."""

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=10)
"""For how long a receiver that is asked too much is left in peace: doubling between these."""

ONLY_FAILED_FOR = timedelta(days=5)
"""An endpoint that has only failed for that long is disabled."""


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """How a deployment wants its webhooks tried. ``delays`` are those before each attempt."""

    delays: tuple[timedelta, ...] = DELIVERY_DELAYS
    notice_delays: tuple[timedelta, ...] = NOTICE_DELAYS
    stop_on_4xx: bool = False

    def schedule(self, kind: str, transport: Transport) -> tuple[timedelta, ...]:
        """The delays before each attempt of an event of this kind; every mail is a notice."""
        is_notice = kind == WebhookKind.HUMAN_INPUT or transport is Transport.MAIL
        return self.notice_delays if is_notice else self.delays


@dataclass(frozen=True, slots=True)
class SendLimits:
    """The operator's limits: for one try in all, and on how many are under way at a time.

    ``unproven`` is how many receivers that are not known to be well are tried at a time: fewer than
    a worker has threads, so that those which hang leave some to the others.
    """

    one_try: timedelta = timedelta(seconds=15)
    per_endpoint: int = 4
    per_host: int = 8
    unproven: int = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a delivery and of its endpoint; ``transition`` is the delivery's."""

    transition: str
    delivery: Delivery
    endpoint: Endpoint


def judge(
    result: SendResult,
    delivery: Delivery,
    endpoint: Endpoint,
    rules: DeliveryRules,
    now: datetime,
    jitter: float,
) -> Verdict:
    """Say what the result of a try means. ``jitter`` is drawn from -1 to 1."""
    if result.succeeded:
        health = endpoint.health.succeeded(now, result)
        well = endpoint if health is endpoint.health else replace(endpoint, health=health)
        return Verdict("deliver", delivery.deliver(now), well)
    health = _after_failure(endpoint, result, now, jitter)
    failed = replace(endpoint, health=health)
    why_off = _reason_to_disable(failed, result, now)
    if why_off:
        return Verdict("cancel", delivery.cancel(now, why_off), _off(failed, now, why_off))
    if result.blocked:
        return Verdict("block", delivery.block(now, result.summary), failed)
    if endpoint.transport.answers.is_final(result.status):
        return Verdict("exhaust", delivery.exhaust(now, result.summary), failed)
    if _is_refusal(result, endpoint, rules):
        return Verdict("cancel", delivery.cancel(now, f"{result.summary} (stop_on_4xx)"), failed)
    return _again(result, delivery, failed, rules, now, jitter)


def _after_failure(endpoint: Endpoint, result: SendResult, now: datetime, jitter: float) -> Health:
    health = endpoint.health.failed(now, result)
    asked = _asked_for(result)
    if result.timed_out or endpoint.transport.answers.is_too_much(result.status):
        doubled = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(health.slowness, 16))
        return health.slowed(now + max(doubled * (1 + jitter / 5), asked))
    return health.quiet(now + asked) if asked else health


def _asked_for(result: SendResult) -> timedelta:
    return timedelta(seconds=min(result.retry_after or 0, LONGEST_RETRY_AFTER.total_seconds()))


def _reason_to_disable(endpoint: Endpoint, result: SendResult, now: datetime) -> str | None:
    answers = endpoint.transport.answers
    if answers.is_gone(result.status):
        return f"The receiver answered {result.status}: it is gone for good"
    if answers.disables and endpoint.health.failing_for(now) >= ONLY_FAILED_FOR:
        return (
            f"It has only failed for {ONLY_FAILED_FOR.days} days; the last time: {result.summary}"
        )
    return None


def _off(endpoint: Endpoint, now: datetime, reason: str) -> Endpoint:
    """Somebody else may have disabled it while the try was under way."""
    return endpoint.disable(now, reason) if endpoint.is_enabled else endpoint


def _is_refusal(result: SendResult, endpoint: Endpoint, rules: DeliveryRules) -> bool:
    stops = rules.stop_on_4xx if endpoint.stop_on_4xx is None else endpoint.stop_on_4xx
    return stops and endpoint.transport.answers.is_refusal(result.status)


def _again(
    result: SendResult,
    delivery: Delivery,
    endpoint: Endpoint,
    rules: DeliveryRules,
    now: datetime,
    jitter: float,
) -> Verdict:
    delays = rules.schedule(delivery.kind, endpoint.transport)
    due_at = delivery_due_again_at(now, delivery.attempts + 1, jitter, delays)
    if due_at is None:
        return Verdict("exhaust", delivery.exhaust(now, result.summary), endpoint)
    due_at = max(due_at, now + _asked_for(result))
    return Verdict("retry", delivery.retry(due_at, result.summary), endpoint)


def host_after(host: Host, result: SendResult, now: datetime, jitter: float) -> Host:
    """What a try says about the host: an answer of any kind shows that it is there."""
    if result.status is not None:
        return host.answered()
    return host if result.blocked else host.failed(now, jitter)


def stops_batch(result: SendResult, endpoint: Endpoint) -> bool:
    """Whether what was claimed for the same endpoint had better wait for the verdict."""
    answers = endpoint.transport.answers
    return (
        answers.is_too_much(result.status)
        or answers.is_gone(result.status)
        or result.status is None
        or result.retry_after is not None
    )


@dataclass(frozen=True, slots=True)
class Admission:
    """How many deliveries a drain may claim; where that is none, when it comes again.

    ``quiet_until``: nothing is sent to this receiver before then. ``waits_until``: the host is
    full; another drain wakes this one when it ends, or it asks again at that time. ``probes``: the
    one try tests whether the host is back. ``unproven``: the receiver has not shown yet that it
    works.
    """

    limit: int
    quiet_until: datetime | None = None
    waits_until: datetime | None = None
    probes: bool = False
    unproven: bool = False


class OtherDrains(NamedTuple):
    """How many other drains are at the endpoint, at its host, and at unproven receivers.

    ``notices_waiting`` are those for other endpoints at the host that were refused and have a
    human-input notice to send.
    """

    at_endpoint: int
    at_host: int
    at_unproven: int
    notices_waiting: int = 0


COME_AGAIN = timedelta(seconds=15)
NOTICES_COME_AGAIN = timedelta(seconds=3)
"""After that a drain asks again that found no room, if nobody who left woke it before."""

ROOM_FOR_NOTICES = 1
"""How many unproven receivers more are tried at a time where a person waits to be asked."""


def admit(  # noqa: PLR0913 - all that it depends on
    endpoint: Endpoint,
    host: Host,
    others: OtherDrains,
    limits: SendLimits,
    now: datetime,
    batch: int,
    *,
    has_notice: bool = False,
) -> Admission:
    """Say what a drain may claim at an endpoint. Who is not known to be well gets one at a time.

    ``has_notice`` says that a human-input notice is due there. Notices go first: a drain without
    one leaves the room at the host to those that wait with one, also between two of its batches.
    """
    if endpoint.health.is_quiet(now):
        return Admission(0, quiet_until=endpoint.health.quiet_until)
    if host.is_open(now):
        return Admission(0, quiet_until=host.open_until)
    unproven = not is_known_well(endpoint, host)
    taken_at_host = others.at_host + (0 if has_notice else others.notices_waiting)
    if unproven:
        most = limits.unproven + (ROOM_FOR_NOTICES if has_notice else 0)
        is_being_tried = others.at_endpoint or (host.is_suspect and others.at_host)
        has_room = not is_being_tried and others.at_unproven < most
    else:
        has_room = others.at_endpoint < (endpoint.most_sends or limits.per_endpoint)
    if not has_room or taken_at_host >= limits.per_host:
        again = NOTICES_COME_AGAIN if has_notice else COME_AGAIN
        return Admission(0, waits_until=now + again, unproven=unproven)
    return Admission(1, probes=host.needs_probe, unproven=True) if unproven else Admission(batch)


def is_known_well(endpoint: Endpoint, host: Host) -> bool:
    """Whether a receiver took something, or its host answered, and nothing went wrong since."""
    health = endpoint.health
    seen = health.last_success_at is not None or host.has_answered
    return seen and not (host.is_suspect or health.slowness or health.failing_since)
