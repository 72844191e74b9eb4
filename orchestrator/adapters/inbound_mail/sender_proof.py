"""Whether a mail comes from the domain of its From: by DKIM, or as our own mail server found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message

import authres
import dkim
import structlog
from dkim.util import InvalidTagValueList, parse_tag_value
from dns import name as dns_names
from dns import resolver as dns_resolver
from dns.exception import DNSException

from orchestrator.domain.mail_reply import SenderProof
from orchestrator.errors import Transient

Resolver = Callable[..., bytes | None]
"""Gives the TXT record of a name, None where there is none: ``(name, timeout=5)``.

Raises DnsTimeoutError and OSError where the DNS does not say.
"""

log = structlog.get_logger()

_HEADER = "Authentication-Results"
_MOST_SIGNATURES = 3


class TxtRecords:
    """Keeps ``Resolver``. dkimpy's own takes a name server that fails for one that has no key."""

    def __init__(self, resolver: dns_resolver.Resolver | None = None) -> None:
        self._resolver = resolver

    def __call__(self, name: bytes, timeout: int = 5) -> bytes | None:
        """The TXT record of a name. Raises OSError where the DNS does not say."""
        try:
            asked = dns_names.from_text(name.decode("ascii"))
        except (DNSException, UnicodeDecodeError):
            return None
        try:
            resolver = self._resolver or dns_resolver.get_default_resolver()
            found = resolver.resolve(asked, "TXT", lifetime=timeout)
        except (dns_resolver.NXDOMAIN, dns_resolver.NoAnswer):
            return None
        except DNSException as error:
            raise OSError(f"{asked}: {type(error).__name__}") from error
        return b"".join(found[0].strings)


class MailProver:
    """Keeps ``ports.SenderProver``.

    With the ``authserv_id`` of a mail server of ours, what that wrote at the top counts, and only
    that; it has to take away what others wrote in its name (RFC 8601, 5). Without, signatures are
    verified here.
    """

    def __init__(self, authserv_id: str | None = None, resolver: Resolver | None = None) -> None:
        self._authserv_id = authserv_id
        self._resolver = resolver or TxtRecords()

    def prove(self, raw: bytes, domain: str) -> SenderProof:
        """Say so. Raises Transient while the DNS does not answer."""
        try:
            if self._authserv_id is not None:
                return _as_found(message_from_bytes(raw), self._authserv_id, domain.casefold())
            return self._by_signature(raw, domain.casefold())
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001 - what parses hostile headers may fail in any way
            log.warning("no proof could be read", error=type(error).__name__)
            return SenderProof.NONE

    def _by_signature(self, raw: bytes, domain: str) -> SenderProof:
        found = SenderProof.NONE
        mail, asked = dkim.DKIM(raw), _Asked(self._resolver)
        for place in _aligned(mail, domain):
            try:
                if mail.verify(idx=place, dnsfunc=asked.txt):
                    return SenderProof.PASSED
            except dkim.DKIMException as error:
                log.info("signature does not hold", error=str(error)[:200])
            if asked.is_silent:
                raise Transient("The DNS does not answer just now.")
            found = SenderProof.FAILED
        return found


class _Asked:
    """Asks the DNS, and remembers that it did not answer: dkimpy takes that for no key."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.is_silent = False

    def txt(self, name: object, timeout: int = 5) -> bytes | None:
        """The TXT record of a name."""
        try:
            return self._resolver(name, timeout=timeout)
        except (dkim.DnsTimeoutError, OSError):
            self.is_silent = True
            return None


def _aligned(mail: dkim.DKIM, domain: str) -> Iterator[int]:
    """The places of the signatures of the domain that cover the whole body.

    One with ``l=`` covers the beginning: anybody may add to what follows.
    """
    signatures = [value for name, value in mail.headers if name.lower() == b"dkim-signature"]
    for place, value in enumerate(signatures[:_MOST_SIGNATURES]):
        try:
            tags = parse_tag_value(value)
        except InvalidTagValueList:
            continue
        signer = tags.get(b"d", b"").decode("ascii", "replace")
        if b"l" not in tags and _is_aligned(signer, domain):
            yield place


def _is_aligned(signer: str, domain: str) -> bool:
    """Whether it is the domain itself, or one above it that is not a whole country's."""
    above = signer.casefold().strip().rstrip(".")
    return "." in above and (domain == above or domain.endswith(f".{above}"))


def _as_found(mail: Message, authserv_id: str, domain: str) -> SenderProof:
    for value in mail.get_all(_HEADER, []):
        try:
            found = authres.AuthenticationResultsHeader.parse(f"{_HEADER}: {value}")
        except (authres.core.SyntaxError, ValueError):
            continue
        if str(found.authserv_id).casefold() == authserv_id.casefold():
            return _verdict(found, domain)
    return SenderProof.NONE


def _verdict(found: authres.AuthenticationResultsHeader, domain: str) -> SenderProof:
    verdict = SenderProof.NONE
    for result in found.results:
        is_ours = _is_aligned(_domain_of(result), domain)
        if result.method in ("dmarc", "dkim") and is_ours:
            if result.result == "pass":
                return SenderProof.PASSED
            verdict = SenderProof.FAILED
    return verdict


def _domain_of(result: authres.core.AuthenticationResult) -> str:
    """The domain that a result is about: ``header.from`` of DMARC, ``header.d`` of DKIM."""
    name = "from" if result.method == "dmarc" else "d"
    for each in result.properties:
        if each.type == "header" and each.name == name:
            return str(each.value).rpartition("@")[2]
    return ""
