"""Signatures by which receivers know that a webhook is ours and fresh.

Two forms go out side by side: Standard Webhooks 1.0
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), and
the one of CrewAI's hosted platform, whose receivers check ``X-Signature``.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.endpoint import SECRET_PREFIX
from orchestrator.errors import Invalid

SHORTEST_KEY, LONGEST_KEY = 24, 64
"""Bytes, as the standard asks for."""


class StandardSigner:
    """Signs with every live secret, so that receivers may change theirs at leisure.

    ``secrets`` hold for every receiver, the newest first. Raises Invalid when one of them cannot be
    used.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        for secret in secrets:
            check_secret(secret)
        self._secrets = tuple(secrets)

    def headers(
        self, secrets: Sequence[str], delivery_id: str, at: datetime, body: bytes
    ) -> dict[str, str]:
        """The headers of one try at that time (aware); none where there is no secret.

        ``secrets`` are the receiver's own; those that hold for all sign as well, so that a receiver
        that gets secrets of its own can change over at leisure. CrewAI's form has room for one
        signature: the first secret makes it.
        """
        secrets = tuple(dict.fromkeys((*secrets, *self._secrets)))
        if not secrets:
            return {}
        timestamp = int(at.timestamp())
        standard = (standard_signature(key, delivery_id, timestamp, body) for key in secrets)
        crewai = crewai_signature(secrets[0], timestamp, body)
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(standard),
            "X-Timestamp": str(timestamp),
            "X-Signature": crewai,
            "X-CrewAI-Timestamp": str(timestamp),
            "X-CrewAI-Signature": crewai,
        }


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``. Raises Invalid."""
    signed = _mac(_key(secret), f"{message_id}.{timestamp}.", body)
    return "v1," + b64encode(signed.digest()).decode()


def crewai_signature(secret: str, timestamp: int, body: bytes) -> str:
    """``sha256=`` and the hex of HMAC-SHA256 over ``timestamp.body``; the secret's text is the key.

    That holds for a secret with the standard's prefix too: it is not decoded.
    """
    return "sha256=" + _mac(secret.encode(), f"{timestamp}.", body).hexdigest()


def check_secret(secret: str) -> None:
    """Raise Invalid, saying how to mend it, unless the secret can sign in both forms."""
    _key(secret)


def _mac(key: bytes, before: str, body: bytes) -> hmac.HMAC:
    """Sign both in a row, without a copy of the body."""
    signed = hmac.new(key, before.encode(), hashlib.sha256)
    signed.update(body)
    return signed


def _key(secret: str) -> bytes:
    """The standard's key: what follows its prefix, decoded; without it, the text itself."""
    if not secret:
        raise Invalid("A signing secret must not be empty.")
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    key = _decoded(secret.removeprefix(SECRET_PREFIX))
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise Invalid(
            f"A signing secret has to hold {SHORTEST_KEY} to {LONGEST_KEY} bytes, not {len(key)}."
        )
    return key


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(
            f"A signing secret is {SECRET_PREFIX} and base64 (letters, digits, + and /). "
            "Make one: openssl rand -base64 32"
        ) from error
