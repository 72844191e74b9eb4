"""How deliveries and endpoints are shown under ``/v1``, and the forms of these responses."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from orchestrator.api.common.json_response import without_nones
from orchestrator.domain.delivery import Delivery, DeliveryAttempt, DeliveryState, SendResult
from orchestrator.domain.endpoint import EndpointState
from orchestrator.domain.transport import Transport, shown_url, transport_of
from orchestrator.usecases.webhooks.deliveries import shown_body
from orchestrator.usecases.webhooks.endpoints import EndpointReport, Rotated
from orchestrator.wire.moment import iso


class DeliveryLine(BaseModel):
    """A delivery as lists show it. Its ``delivery_id`` is the ``webhook-id`` of all its tries."""

    delivery_id: str
    execution_id: str
    deployment: str
    endpoint_id: str
    kind: str
    sequence: int
    state: DeliveryState
    attempts: int
    created_at: str
    due_at: str | None = None
    finished_at: str | None = None
    reason: str | None = None


class DeliveryPage(BaseModel):
    """Deliveries, newest first. ``next`` is the cursor of the next page, if there is one."""

    deliveries: list[DeliveryLine]
    next: str | None = None


class AttemptRecord(BaseModel):
    """One try: ``seconds`` is how long it took, ``answer`` how the receiver's answer begins."""

    number: int
    at: str
    status: int | None = None
    seconds: float
    error: str | None = None
    answer: str | None = None


class DeliveryRecord(DeliveryLine):
    """A delivery with the body that is sent and all its tries, those before a replay too.

    In the body of a mail ``token`` is hidden, in that of a notice ``response_token`` and the query
    of ``callback_url``: whoever has them answers the review.
    ``body`` is null where it was encrypted with a secret key that was taken away.
    """

    body: str | None
    tries: list[AttemptRecord]


class Replayed(BaseModel):
    """How many deliveries are sent again."""

    replayed: int


class EndpointRecord(BaseModel):
    """An endpoint and how it does. ``url`` is without what may be secret in it.

    It is absent where it was encrypted with a secret key that the API does not have.
    """

    endpoint_id: str
    deployment: str
    url: str | None = None
    authentication: str | None = None
    state: EndpointState
    reason: str | None = None
    disabled_at: str | None = None
    created_at: str
    waiting: int
    stop_on_4xx: bool | None = None
    most_sends: int | None = None
    slowness: int
    quiet_until: str | None = None
    failing_since: str | None = None
    last_success_at: str | None = None
    last_failure_at: str | None = None
    last_status: int | None = None
    last_error: str | None = None


class EndpointPage(BaseModel):
    """Endpoints, newest first. ``next`` is the cursor of the next page, if there is one."""

    endpoints: list[EndpointRecord]
    next: str | None = None


class NewSecret(BaseModel):
    """A signing secret, told this once. Those before it sign as well until ``old_until``."""

    secret: str
    old_until: str


class Pinged(BaseModel):
    """What came of one test request."""

    succeeded: bool
    status: int | None = None
    seconds: float
    error: str | None = None
    answer: str | None = None


def delivery_line(delivery: Delivery) -> dict[str, Any]:
    """A delivery as lists show it."""
    return without_nones(
        {
            "delivery_id": delivery.id,
            "execution_id": delivery.execution_id,
            "deployment": delivery.deployment,
            "endpoint_id": delivery.endpoint_id,
            "kind": delivery.kind,
            "sequence": delivery.sequence,
            "state": delivery.state.value,
            "attempts": delivery.attempts,
            "created_at": iso(delivery.created_at),
            "due_at": None if delivery.finished_at else iso(delivery.due_at),
            "finished_at": iso(delivery.finished_at),
            "reason": delivery.reason,
        }
    )


def delivery_record(delivery: Delivery, tries: tuple[DeliveryAttempt, ...]) -> dict[str, Any]:
    """A delivery with its body and all its tries."""
    return {
        **delivery_line(delivery),
        "body": shown_body(delivery),
        "tries": [_attempt(one) for one in tries],
    }


def _attempt(one: DeliveryAttempt) -> dict[str, Any]:
    return without_nones(
        {
            "number": one.number,
            "at": iso(one.at),
            "status": one.status,
            "seconds": round(one.seconds, 4),
            "error": one.error,
            "answer": one.response or None,
        }
    )


def endpoint_record(report: EndpointReport) -> dict[str, Any]:
    """An endpoint and how it does."""
    endpoint, health = report.endpoint, report.endpoint.health
    how = endpoint.authentication
    return without_nones(
        {
            "endpoint_id": endpoint.id,
            "deployment": endpoint.deployment,
            "url": None if endpoint.is_sealed else shown(endpoint.url),
            "authentication": how.strategy if how else None,
            "state": endpoint.state.value,
            "reason": endpoint.trouble,
            "disabled_at": iso(endpoint.disabled_at),
            "created_at": iso(endpoint.created_at),
            "waiting": report.waiting,
            "stop_on_4xx": endpoint.stop_on_4xx,
            "most_sends": endpoint.most_sends,
            "slowness": health.slowness,
            "quiet_until": iso(health.quiet_until),
            "failing_since": iso(health.failing_since),
            "last_success_at": iso(health.last_success_at),
            "last_failure_at": iso(health.last_failure_at),
            "last_status": health.last_status,
            "last_error": health.last_error,
        }
    )


def shown(url: str) -> str:
    """A URL without its query: that may be a secret. A mail address is shown whole."""
    return url if transport_of(url) is Transport.MAIL else shown_url(url)


def new_secret(rotated: Rotated) -> dict[str, Any]:
    """A signing secret, told this once."""
    return {"secret": rotated.secret, "old_until": rotated.old_until.isoformat()}


def pinged(result: SendResult) -> dict[str, Any]:
    """What came of one test request."""
    return without_nones(
        {
            "succeeded": result.succeeded,
            "status": result.status,
            "seconds": round(result.seconds, 4),
            "error": result.error,
            "answer": result.response or None,
        }
    )
