"""The rows of webhooks: deliveries, the endpoints that they are for, and who is at it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from orchestrator.domain.delivery import Authentication, Delivery, DeliveryAttempt, DeliveryState
from orchestrator.domain.delivery_policy import OtherDrains
from orchestrator.domain.endpoint import Endpoint, SigningSecret
from orchestrator.domain.endpoint_host import Host
from orchestrator.domain.transport import Transport
from orchestrator.ports.work import Position


class Outcome(NamedTuple):
    """What becomes of a claimed delivery; ``attempt`` is None where nothing was tried."""

    before: Delivery
    after: Delivery
    attempt: DeliveryAttempt | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries are meant; what is None does not matter.

    ``since`` and ``until`` bound the time at which they were made, the latter exclusively.
    """

    deployments: Collection[str] | None = None
    execution_id: str | None = None
    endpoint_id: str | None = None
    state: DeliveryState | None = None
    since: datetime | None = None
    until: datetime | None = None


class Claim(NamedTuple):
    """What a drain has claimed; ``is_full`` says that more may be due."""

    deliveries: tuple[Delivery, ...]
    is_full: bool


class Deliveries(Protocol):
    """The deliveries and their attempts, in one transaction.

    What gives several at a time gives them without their bodies, unless it says otherwise.
    """

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Insert."""
        ...

    def get(self, delivery_id: str) -> Delivery | None:
        """Read."""
        ...

    def of(self, execution_id: str) -> tuple[Delivery, ...]:
        """All of an execution's with their bodies, in the order of their events."""
        ...

    def any_of(self, execution_id: str) -> bool:
        """Whether an execution has any."""
        ...

    def page(
        self, wanted: DeliveryFilter, after: Position | None, limit: int
    ) -> tuple[Delivery, ...]:
        """Some of the deliveries that are meant, newest first."""
        ...

    def closed(
        self, wanted: DeliveryFilter, after: Position | None, limit: int
    ) -> tuple[Delivery, ...]:
        """Some of those that have ended, oldest first; unless asked for, none that arrived."""
        ...

    def attempts(self, delivery_id: str) -> tuple[DeliveryAttempt, ...]:
        """Every try of a delivery, in order."""
        ...

    def claim_due(
        self,
        endpoint_id: str,
        worker: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        *,
        bodies: bool = True,
    ) -> Claim:
        """Claim up to ``limit`` that are due at an endpoint and that nobody else holds.

        Human-input notices come first. With ``bodies`` no more is claimed than ``CLAIM_BYTES``,
        or one delivery that is larger alone.
        """
        ...

    def has_due_notice(self, endpoint_id: str, now: datetime) -> bool:
        """Whether a human-input notice is due at the endpoint that nobody holds."""
        ...

    def record(self, outcomes: Sequence[Outcome]) -> frozenset[str]:
        """Write what became of deliveries, with their attempts; returns the ids of those written.

        Nothing is written of a delivery whose version moved: the claim was lost.
        """
        ...

    def to_wake(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of endpoints that have something due which was not published, or too long ago.

        Endpoints that are quiet are left in peace.
        """
        ...

    def woken(self, endpoint_id: str, now: datetime) -> bool:
        """Note that what is due at the endpoint is being published again.

        False when nothing there waits for that any more: somebody else just did.
        """
        ...

    def purge(self, execution_id: str, limit: int) -> int:
        """Delete up to ``limit`` ended ones of an execution, with their attempts; returns how many.

        None while any of the execution's deliveries is still open.
        """
        ...


class Drains(Protocol):
    """The drains on their way, and those that send, each under a lease, in one transaction."""

    def announce(self, endpoint_id: str, now: datetime) -> bool:
        """Note that a drain is to be published; False when one is on its way already.

        One that has been on its way for longer than ``WAKEUP_HOLDS`` counts as lost.
        """
        ...

    def begun(self, endpoint_id: str) -> None:
        """A drain has begun: whoever commits something from now on has to announce again."""
        ...

    def others(self, drain_id: str, endpoint_id: str, host_id: str) -> OtherDrains:
        """How many other drains there are, where this one would send."""
        ...

    def lock_unproven(self) -> None:
        """Have others who count the drains at unproven receivers wait for this transaction's end.

        Those at one endpoint or host are counted under the locks of these.
        """
        ...

    def hold(
        self, drain_id: str, endpoint_id: str, host_id: str, lease: timedelta, *, unproven: bool
    ) -> None:
        """Say that a drain sends, for that long after now by the database's clock."""
        ...

    def end(self, drain_id: str) -> None:
        """A drain has ended."""
        ...

    def wait(
        self, endpoint_id: str, host_id: str, lease: timedelta, *, unproven: bool, has_notice: bool
    ) -> None:
        """Say that a drain found no room; when the lease has ended, the sweep has it ask again."""
        ...

    def waits_no_more(self, endpoint_id: str) -> None:
        """A drain of the endpoint has room, or nothing to send."""
        ...

    def next_waiting(self, endpoint_id: str, host_id: str, *, unproven: bool) -> str | None:
        """The endpoint that waits for the room of a drain that ends, those with a notice first.

        ``endpoint_id`` is that of the drain that ends, ``unproven`` whether it was one of those.
        """
        ...

    def lapsed(self, limit: int) -> tuple[str, ...]:
        """The ids of endpoints where a lease has ended: its worker is gone, or it has waited."""
        ...

    def forget_lapsed(self, endpoint_ids: Sequence[str]) -> None:
        """Forget what has lapsed at these endpoints."""
        ...


class Endpoints(Protocol):
    """The receivers of webhooks, in one transaction. URLs and credentials are kept encrypted."""

    def ensure(
        self, deployment: str, url: str, authentication: Authentication | None, at: datetime
    ) -> str:
        """Return the id of this endpoint; insert it on first use."""
        ...

    def transport(self, endpoint_id: str) -> Transport:
        """How an endpoint is sent to; by HTTP where its URL cannot be decrypted here."""
        ...

    def get(self, endpoint_id: str) -> Endpoint | None:
        """Read and decrypt; sealed where its secret key was taken away, as all that read are."""
        ...

    def lock(self, endpoint_id: str) -> Endpoint | None:
        """Read, decrypt, and hold the row until the transaction ends."""
        ...

    def save(self, before: Endpoint, after: Endpoint) -> Endpoint:
        """Write over the version of ``before``: its state, health and settings.

        Raises StaleWrite as executions do.
        """
        ...

    def page(
        self, deployments: Collection[str] | None, after: Position | None, limit: int
    ) -> tuple[Endpoint, ...]:
        """Some of the endpoints of these deployments, or of all, newest first."""
        ...

    def past_pause(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Ids of endpoints whose time to be left in peace is over."""
        ...

    def add_secret(self, secret: SigningSecret) -> None:
        """Insert, encrypted. Without an endpoint's id it is the whole deployment's."""
        ...

    def retire_secrets(self, deployment: str, endpoint_id: str | None, at: datetime) -> None:
        """Have the live secrets of this endpoint, or of the deployment itself, end at that time."""
        ...

    def secrets(self, endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
        """What signs for an endpoint now: its own and its deployment's, each the newest first.

        Raises SecretKeyMissing where one of them cannot be decrypted.
        """
        ...

    def lock_host(self, host_id: str) -> Host:
        """Read and hold the row; a host that nobody asked for before is a sound one."""
        ...

    def save_host(self, host: Host) -> None:
        """Write the row that is held."""
        ...
