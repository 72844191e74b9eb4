"""Mails as Amazon SES has them published to a topic of SNS, and SNS posts them to us."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from orchestrator.domain.canonical import decode
from orchestrator.errors import Invalid, Unauthorized

_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")

_CONFIRMS = "SubscriptionConfirmation"
_NOTIFIES = "Notification"
_SIGNED = {
    _NOTIFIES: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    _CONFIRMS: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""What of each type of post is signed, in this order (Amazon SNS Developer Guide)."""

_HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - SNS signs so by default


@dataclass(frozen=True, slots=True)
class Published:
    """A post of SNS, not yet verified."""

    fields: Mapping[str, str]

    @property
    def certificate_url(self) -> str:
        """Where its certificate lies; at Amazon, which ``read_post`` saw to."""
        return self.fields["SigningCertURL"]

    @property
    def confirms_at(self) -> str | None:
        """What to fetch in order to confirm a subscription; None for any other post."""
        return self.fields["SubscribeURL"] if self.fields["Type"] == _CONFIRMS else None

    @property
    def id(self) -> str:
        """The same each time it is posted."""
        return self.fields["MessageId"]


@dataclass(frozen=True, slots=True)
class SesMail:
    """A mail that SES took, with its envelope."""

    raw: bytes
    sender: str
    recipients: tuple[str, ...]


def read_post(body: Any, topic: str) -> Published:
    """Read a post of that topic. Raises Unauthorized for one of another, or of nobody's."""
    given = body if isinstance(body, Mapping) else {}
    fields = {name: value for name, value in given.items() if isinstance(value, str)}
    needed = {"SigningCertURL", "Signature", *_SIGNED.get(fields.get("Type", ""), ("Type",))}
    if fields.get("TopicArn") != topic or not needed - {"Subject"} <= fields.keys():
        raise Unauthorized
    if fields["Type"] not in _SIGNED or not is_amazons(fields["SigningCertURL"]):
        raise Unauthorized
    if fields["Type"] == _CONFIRMS and not is_amazons(fields["SubscribeURL"]):
        raise Unauthorized
    return Published(fields)


def is_amazons(url: str) -> bool:
    """Whether it leads to SNS at Amazon, over TLS, and nowhere else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.username is None and parts.password is None and port in (None, 443)
    return parts.scheme == "https" and plain and bool(_HOST.fullmatch(parts.netloc.split(":")[0]))


def require_signed(post: Published, certificate: bytes) -> None:
    """Raises Unauthorized unless the key of the certificate signed the post."""
    fields = post.fields
    signed = "".join(
        f"{name}\n{fields[name]}\n" for name in _SIGNED[fields["Type"]] if name in fields
    )
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        signature = base64.b64decode(fields["Signature"], validate=True)
        algorithm = _HASHES[fields.get("SignatureVersion", "1")]
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unauthorized
        key.verify(signature, signed.encode("utf-8", "replace"), padding.PKCS1v15(), algorithm)
    except (ValueError, KeyError, InvalidSignature) as error:
        raise Unauthorized from error


def mail_in(post: Published) -> SesMail:
    """The mail that a notification of SES has in it. Raises Invalid where there is none."""
    try:
        message: Any = decode(post.fields["Message"])
        receipt, content = message["receipt"], message["content"]
        encoded = receipt["action"].get("encoding", "UTF8").upper() == "BASE64"
        raw = base64.b64decode(content) if encoded else content.encode("utf-8", "surrogateescape")
        recipients = tuple(str(each) for each in receipt["recipients"])
        return SesMail(raw, str(message["mail"]["source"]), recipients)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid(
            "The notification has no mail in it: the rule's action has to be SNS, with the content."
        ) from error
