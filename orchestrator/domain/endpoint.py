"""An endpoint: a receiver of webhooks or mails, how it does, and whether it is sent to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.domain.chain import Head
from orchestrator.domain.delivery import Authentication, SendResult
from orchestrator.domain.machine import Machine, Transition
from orchestrator.domain.transport import Transport, transport_of


class EndpointState(StrEnum):
    """Whether an endpoint is sent to."""

    ENABLED = "ENABLED"
    """What is due there is sent."""
    DISABLED = "DISABLED"
    """Nothing is sent; what waits there, or comes later, is cancelled. A person enables it."""


ENDPOINT = Machine(
    "endpoint",
    EndpointState.ENABLED,
    (
        Transition(
            "disable",
            (EndpointState.ENABLED,),
            EndpointState.DISABLED,
            "it answered 410, only failed for five days, or a person said so",
        ),
        Transition(
            "enable",
            (EndpointState.DISABLED,),
            EndpointState.ENABLED,
            "a person said that it works again",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint has done lately.

    ``slowness`` rises with each sign that it is asked too much, and halves with each success;
    ``quiet_until`` is until when it is left in peace. ``failing_since`` is the first failure that
    no success came after.
    """

    slowness: int = 0
    quiet_until: datetime | None = None
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None

    def succeeded(self, now: datetime, result: SendResult) -> Health:
        """The receiver took something. A pause that it asked for meanwhile goes on to its end."""
        if self._knows_of_success(now, result):
            return self
        return replace(
            self,
            slowness=self.slowness // 2,
            quiet_until=self.quiet_until if self.is_quiet(now) else None,
            failing_since=None,
            last_success_at=now,
            last_status=result.status,
            last_error=None,
        )

    def _knows_of_success(self, now: datetime, result: SendResult) -> bool:
        """All that a batch sends is judged at one moment: the first success says all of it."""
        has_trouble = self.slowness or self.quiet_until or self.failing_since or self.last_error
        seen = (self.last_success_at, self.last_status)
        return not has_trouble and seen == (now, result.status)

    def failed(self, now: datetime, result: SendResult) -> Health:
        """The receiver did not take something."""
        return replace(
            self,
            failing_since=self.failing_since or now,
            last_failure_at=now,
            last_status=result.status,
            last_error=result.summary,
        )

    def slowed(self, until: datetime) -> Health:
        """The receiver is asked too much: leave it in peace until then."""
        return replace(self, slowness=self.slowness + 1, quiet_until=self._later(until))

    def quiet(self, until: datetime) -> Health:
        """Nothing can be sent there until then; it is not the endpoint's own doing."""
        return replace(self, quiet_until=self._later(until))

    def resume(self, now: datetime) -> Health:
        """Forget a pause that is over."""
        return self if self.is_quiet(now) else replace(self, quiet_until=None)

    def _later(self, until: datetime) -> datetime:
        return max(until, self.quiet_until or until)

    def is_quiet(self, now: datetime) -> bool:
        """Whether it is left in peace now."""
        return self.quiet_until is not None and self.quiet_until > now

    def failing_for(self, now: datetime) -> timedelta:
        """For how long it has only failed."""
        return now - (self.failing_since or now)


SEALED = "Encrypted with a secret key that is not among those of ORCHESTRATOR_SECRET_KEY"
"""What is told of an endpoint whose URL this process cannot read."""

SEALED_REST = timedelta(seconds=30)
"""For how long such an endpoint is left in peace: its deliveries wait for the right key."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiver: one URL with its credentials, of one deployment. Its id is made from these.

    ``stop_on_4xx`` and ``most_sends`` (how many requests it may get at a time) are None where the
    deployment's rules and the operator's limits hold. ``host_id`` is the same for all endpoints at
    one host and port, and for all mail addresses, which share the relay. ``is_sealed`` says that
    URL and credentials were encrypted with a secret key that this process does not have: they are
    empty, and nothing can be sent there. ``entries`` and ``last_digest`` are the end of the chain
    of what its deliveries wrote into timelines.
    """

    id: str
    deployment: str
    url: str
    authentication: Authentication | None
    created_at: datetime
    state: EndpointState = EndpointState.ENABLED
    version: int = 1
    reason: str | None = None
    disabled_at: datetime | None = None
    stop_on_4xx: bool | None = None
    most_sends: int | None = None
    health: Health = Health()
    entries: int = 0
    last_digest: str | None = None
    host_id: str = field(default="", compare=False)
    is_sealed: bool = field(default=False, compare=False)

    @property
    def transport(self) -> Transport:
        """How it is sent to."""
        return transport_of(self.url)

    @property
    def head(self) -> Head:
        """The end of that chain."""
        return Head(self.entries, self.last_digest)

    def chained(self, head: Head) -> Endpoint:
        """The chain goes on to there."""
        return replace(self, entries=head.entries, last_digest=head.digest)

    @property
    def is_enabled(self) -> bool:
        """Whether anything is sent there."""
        return self.state is EndpointState.ENABLED

    @property
    def trouble(self) -> str | None:
        """Why nothing is sent there, None where it is."""
        return self.reason or (SEALED if self.is_sealed else None)

    def disable(self, now: datetime, reason: str) -> Endpoint:
        """Nothing is sent there any more."""
        state = ENDPOINT.follow("disable", self.state)
        return replace(self, state=state, reason=reason, disabled_at=now)

    def enable(self) -> Endpoint:
        """A person said that it works again: its failures are forgotten."""
        state = ENDPOINT.follow("enable", self.state)
        health = replace(self.health, slowness=0, quiet_until=None, failing_since=None)
        return replace(self, state=state, reason=None, disabled_at=None, health=health)


SECRET_PREFIX = "whsec_"  # noqa: S105 - how such a secret begins, not one

OLD_SECRETS_LIVE = timedelta(hours=24)
"""For how long the secrets before a new one still sign, so that receivers can change theirs."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret that signs webhooks, of one endpoint, or (None) of all of a deployment."""

    id: str
    deployment: str
    endpoint_id: str | None
    text: str
    created_at: datetime
    expires_at: datetime | None = None


def signing_secret(url_safe: str) -> str:
    """Turn 256 random bits as URL-safe base64 into a secret of the Standard Webhooks form."""
    plain = url_safe.translate({ord("-"): "+", ord("_"): "/"})
    return SECRET_PREFIX + plain + "=" * (-len(plain) % 4)
