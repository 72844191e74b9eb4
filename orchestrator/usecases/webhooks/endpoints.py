"""See to endpoints: how they do, on and off, their secrets, and a ping."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import structlog

from orchestrator.domain.canonical import encode
from orchestrator.domain.delivery import SendResult
from orchestrator.domain.endpoint import (
    OLD_SECRETS_LIVE,
    Endpoint,
    SigningSecret,
    signing_secret,
)
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.errors import SecretKeyMissing, UnknownEndpoint
from orchestrator.ports import Ports, Position, Transaction
from orchestrator.usecases.operations.audit import note
from orchestrator.usecases.webhooks.deliver import send_signed
from orchestrator.usecases.webhooks.wake import wake_endpoints

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """An endpoint, and how many deliveries wait there."""

    endpoint: Endpoint
    waiting: int

    @property
    def id(self) -> str:
        """The endpoint's id."""
        return self.endpoint.id

    @property
    def created_at(self) -> datetime:
        """When it was first used."""
        return self.endpoint.created_at


def list_endpoints(
    ports: Ports, scope: Scope, after: Position | None, limit: int
) -> tuple[EndpointReport, ...]:
    """Some of the endpoints of deployments of the scope, newest first."""

    def read(tx: Transaction) -> tuple[EndpointReport, ...]:
        found = tx.endpoints.page(scope.names, after, limit)
        waiting = tx.figures.waiting_deliveries([endpoint.id for endpoint in found])
        return tuple(EndpointReport(each, waiting.get(each.id, 0)) for each in found)

    return ports.store.read(read)


def read_endpoint(ports: Ports, endpoint_id: str, scope: Scope = EVERYWHERE) -> EndpointReport:
    """An endpoint and its queue. Raises UnknownEndpoint, also for another deployment's."""

    def read(tx: Transaction) -> EndpointReport:
        endpoint = _visible(tx.endpoints.get(endpoint_id), endpoint_id, scope)
        return EndpointReport(
            endpoint, tx.figures.waiting_deliveries([endpoint_id]).get(endpoint_id, 0)
        )

    return ports.store.read(read)


def disable_endpoint(
    ports: Ports, endpoint_id: str, actor: str, reason: str = "", scope: Scope = EVERYWHERE
) -> Endpoint:
    """Send nothing there any more; what waits there is cancelled. Does nothing where it is off.

    Raises UnknownEndpoint.
    """

    def decide(tx: Transaction) -> Endpoint:
        before = _visible(tx.endpoints.lock(endpoint_id), endpoint_id, scope)
        if not before.is_enabled:
            return before
        now = tx.now()
        said = f"{actor}: {reason}" if reason else f"Disabled by {actor}"
        after = tx.endpoints.save(before, before.disable(now, said))
        details = {"reason": reason or None}
        note(ports, tx, actor, "endpoint.disable", endpoint_id, after.deployment, **details)
        wake_endpoints(tx, [endpoint_id], now)
        log.info("endpoint disabled", endpoint_id=endpoint_id, actor=actor, reason=reason)
        return after

    return ports.store.transact(decide)


def enable_endpoint(
    ports: Ports, endpoint_id: str, actor: str, scope: Scope = EVERYWHERE
) -> Endpoint:
    """Send there again; its failures are forgotten. Does nothing where it is on.

    What was cancelled stays so until it is replayed. Raises UnknownEndpoint.
    """

    def decide(tx: Transaction) -> Endpoint:
        before = _visible(tx.endpoints.lock(endpoint_id), endpoint_id, scope)
        if before.is_enabled:
            return before
        after = tx.endpoints.save(before, before.enable())
        note(ports, tx, actor, "endpoint.enable", endpoint_id, after.deployment)
        wake_endpoints(tx, [endpoint_id], tx.now())
        log.info("endpoint enabled", endpoint_id=endpoint_id, actor=actor)
        return after

    return ports.store.transact(decide)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What may be set at an endpoint; None takes what holds for its deployment or for all."""

    stop_on_4xx: bool | None
    most_sends: int | None


def set_up_endpoint(
    ports: Ports,
    endpoint_id: str,
    settings: EndpointSettings,
    actor: str,
    scope: Scope = EVERYWHERE,
) -> Endpoint:
    """Replace an endpoint's settings. Raises UnknownEndpoint."""

    def decide(tx: Transaction) -> Endpoint:
        before = _visible(tx.endpoints.lock(endpoint_id), endpoint_id, scope)
        after = replace(before, stop_on_4xx=settings.stop_on_4xx, most_sends=settings.most_sends)
        details = asdict(settings)
        note(ports, tx, actor, "endpoint.set_up", endpoint_id, before.deployment, **details)
        return tx.endpoints.save(before, after)

    return ports.store.transact(decide)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new signing secret, shown this once; the ones before it sign until ``old_until``."""

    secret: str
    old_until: datetime


def rotate_endpoint_secret(
    ports: Ports,
    endpoint_id: str,
    actor: str,
    keep_old: timedelta = OLD_SECRETS_LIVE,
    scope: Scope = EVERYWHERE,
) -> Rotated:
    """Give an endpoint a new signing secret of its own. Raises UnknownEndpoint."""

    def decide(tx: Transaction) -> Rotated:
        endpoint = _visible(tx.endpoints.get(endpoint_id), endpoint_id, scope)
        details = {"keep_old": keep_old.total_seconds()}
        note(
            ports, tx, actor, "endpoint.rotate_secret", endpoint_id, endpoint.deployment, **details
        )
        return _rotate(ports, tx, endpoint.deployment, endpoint_id, keep_old)

    return ports.store.transact(decide)


def rotate_deployment_secret(
    ports: Ports, deployment: str, actor: str, keep_old: timedelta = OLD_SECRETS_LIVE
) -> Rotated:
    """Give a deployment a new secret, which signs for all its endpoints.

    Raises UnknownDeployment.
    """
    ports.deployments.get(deployment)

    def decide(tx: Transaction) -> Rotated:
        details = {"keep_old": keep_old.total_seconds()}
        note(ports, tx, actor, "deployment.rotate_secret", deployment, deployment, **details)
        return _rotate(ports, tx, deployment, None, keep_old)

    return ports.store.transact(decide)


def _rotate(
    ports: Ports, tx: Transaction, deployment: str, endpoint_id: str | None, keep_old: timedelta
) -> Rotated:
    now = tx.now()
    text = signing_secret(ports.chance.secret())
    tx.endpoints.retire_secrets(deployment, endpoint_id, now + keep_old)
    tx.endpoints.add_secret(SigningSecret(ports.ids.new(), deployment, endpoint_id, text, now))
    return Rotated(text, now + keep_old)


def ping_endpoint(
    ports: Ports, endpoint_id: str, actor: str, scope: Scope = EVERYWHERE
) -> SendResult:
    """Send a signed test event now, once, whatever the endpoint's state; says what came of it.

    It is no delivery: it is not tried again, and changes nothing. Raises UnknownEndpoint, and
    SecretKeyMissing where its URL or what signs for it cannot be decrypted.
    """
    endpoint, secrets = ports.store.read(lambda tx: _with_secrets(tx, tx.now(), endpoint_id, scope))
    body = encode({"type": "ping", "endpoint_id": endpoint_id, "deployment": endpoint.deployment})
    result = send_signed(ports, endpoint, secrets, ports.ids.new(), body)
    details = {"status": result.status, "error": result.error}
    ports.store.transact(
        lambda tx: note(
            ports, tx, actor, "endpoint.ping", endpoint_id, endpoint.deployment, **details
        )
    )
    return result


def _with_secrets(
    tx: Transaction, now: datetime, endpoint_id: str, scope: Scope
) -> tuple[Endpoint, tuple[str, ...]]:
    endpoint = _visible(tx.endpoints.get(endpoint_id), endpoint_id, scope)
    if endpoint.is_sealed:
        raise SecretKeyMissing
    return endpoint, tx.endpoints.secrets(endpoint, now)


def _visible(found: Endpoint | None, endpoint_id: str, scope: Scope) -> Endpoint:
    if found is None:
        raise UnknownEndpoint(endpoint_id)
    scope.require(found.deployment, UnknownEndpoint(endpoint_id))
    return found
