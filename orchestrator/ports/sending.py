"""The one way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.domain.delivery import Authentication, SendResult


class Sender(Protocol):
    """The one way out: every outgoing request and mail goes through it, guarded."""

    def vet(self, url: str, authentication: Authentication | None = None) -> None:
        """Check a URL and the credentials for it when they are given.

        Raises BlockedAddress when it is no http(s) URL, or leads to an address that is not allowed,
        and Invalid when the credentials cannot be sent.
        A name that does not resolve just now is accepted, and decided when something is sent.
        """
        ...

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        authentication: Authentication | None = None,
    ) -> SendResult:
        """Send the bytes once: POST them as JSON, or write a mail of them, as the URL says.

        Never raises for what the network or the receiver does.
        """
        ...


class DomainRecords(Protocol):
    """What DNS says of domains."""

    def look_up(self, name: str, kind: str) -> tuple[str, ...]:
        """The records of a kind (``TXT``, ``MX``) of a name; none where it has none, or is none.

        Raises CannotLookUp.
        """
        ...


class Fetcher(Protocol):
    """Gets what others have to say, by the same guarded way."""

    def get(self, url: str) -> SendResult:
        """GET a short text; never raises for what the network or the server does.

        ``response`` of the result is the text as it is, up to 20,000 bytes of it.
        """
        ...


class Signer(Protocol):
    """Signs webhooks so that receivers know that they are ours."""

    def headers(
        self, secrets: Sequence[str], delivery_id: str, at: datetime, body: bytes
    ) -> dict[str, str]:
        """The signature headers for this try; none where there is no secret.

        ``secrets`` are the receiver's own live ones, the newest first; those that hold for all come
        after them.
        """
        ...
