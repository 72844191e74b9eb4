"""One sender for all endpoints: each is sent to by the sender of its transport."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from orchestrator.domain.delivery import Authentication, SendResult
from orchestrator.domain.transport import Transport, transport_of
from orchestrator.errors import BlockedAddress
from orchestrator.ports import Sender


class SenderByTransport:
    """Keeps ``ports.Sender``, by others that keep it for one transport each."""

    def __init__(self, senders: Mapping[Transport, Sender]) -> None:
        self._senders = senders

    def vet(self, url: str, authentication: Authentication | None = None) -> None:
        """Check a URL that a call names. Raises BlockedAddress for mail, and as HTTP's does.

        Whom a mail goes to is for the deployment's review policy to say, never for a call: anybody
        could have strangers be written to.
        """
        if transport_of(url) is not Transport.HTTP:
            raise BlockedAddress("The URL has to begin with http:// or https://.")
        self._senders[Transport.HTTP].vet(url, authentication)

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        authentication: Authentication | None = None,
    ) -> SendResult:
        """Send it as its URL says. A transport that is off is a failure that may pass."""
        began = monotonic()
        sender = self._senders.get(transport_of(url))
        if sender is None:
            reason = "no mail is sent here: ORCHESTRATOR_SMTP_URL is not set"
            return SendResult(None, monotonic() - began, reason)
        return sender.send(url, body, headers, authentication)
