"""What may be sent to: URLs are judged by where they lead, not by how they look."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from requests import PreparedRequest, RequestException

from orchestrator.adapters.http.addresses import Address, Network, inner, objection
from orchestrator.adapters.http.resolving import Names, Resolver, system_resolver
from orchestrator.errors import BlockedAddress

DEFAULT_PORTS = {"http": 80, "https": 443}

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_USERINFO = re.compile(r"^[a-z]+:/*[^/?#]*@", re.IGNORECASE)
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_LONGEST_NAME = 253
_ENDS_IN_NUMBER = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be sent to, as far as its text tells. ``url`` is its normal form."""

    url: str
    scheme: str
    host: str
    port: int


class Guard:
    """Refuses what a stranger's URL must not reach (server-side request forgery).

    ``allow_networks`` are the networks that may be reached although they are not public; an IPv4
    address inside an IPv6 one is looked up there as the IPv4 address. ``ports`` are the only ones
    that may be reached; empty means all. ``patience`` and ``remember`` are seconds: how long to
    wait for a name, and how long its addresses hold.
    """

    def __init__(
        self,
        *,
        allow_networks: tuple[Network, ...] = (),
        https_only: bool = False,
        ports: frozenset[int] = frozenset(),
        resolver: Resolver = system_resolver,
        patience: float = 5.0,
        remember: float = 1.0,
    ) -> None:
        self._allow_networks = allow_networks
        self._schemes = ("https",) if https_only else ("http", "https")
        self._ports = ports
        self._names = Names(resolver, patience=patience, remember=remember)

    def vet(self, url: str) -> None:
        """Raise BlockedAddress when the URL is none of ours to send to.

        A name that does not resolve just now passes: nothing can be said of it yet.
        """
        target = self.target(url)
        try:
            self.addresses(target.host, target.port)
        except OSError:
            return

    def target(self, url: str) -> Target:
        """Judge the URL by its text, without resolving it. Raises BlockedAddress."""
        target = _parsed(url)
        if target.scheme not in self._schemes:
            why = " (ORCHESTRATOR_WEBHOOK_HTTPS_ONLY)" if self._schemes == ("https",) else ""
            raise BlockedAddress(f"The URL has to begin with {' or '.join(self._schemes)}://{why}.")
        if self._ports and target.port not in self._ports:
            raise BlockedAddress(
                f"Port {target.port} is none of those in ORCHESTRATOR_WEBHOOK_PORTS."
            )
        _check_host(target.host)
        return target

    def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """Resolve the host, once, and let pass all of its addresses or none.

        Raises BlockedAddress when a single one is not allowed: a list that mixes public and inner
        addresses is how rebinding begins. Raises OSError when the name does not resolve.
        """
        literal = _literal(host)
        answers = (literal,) if literal else self._resolved(host, port)
        for address in answers:
            self._check(host, address)
        return answers

    def _resolved(self, host: str, port: int) -> tuple[Address, ...]:
        try:
            return tuple(ip_address(answer) for answer in self._names.resolve(host, port))
        except ValueError as error:
            raise BlockedAddress(f"{host} does not lead to an address.") from error

    def _check(self, host: str, address: Address) -> None:
        judged = inner(address)
        if any(judged in network for network in self._allow_networks):
            return
        why = objection(address)
        if why:
            raise BlockedAddress(
                f"{host} leads to an address that is not public ({why}). An operator may allow its "
                "network in ORCHESTRATOR_WEBHOOK_ALLOW_NETWORKS."
            )


@lru_cache(1024)
def _parsed(url: str) -> Target:
    """Read the URL with the parser that sends it, so that both see the same host."""
    if _UNPRINTABLE.search(url):
        raise BlockedAddress("The URL has blanks, control characters or backslashes in it.")
    if _USERINFO.match(url):
        raise BlockedAddress("The URL has credentials in it; give them as authentication.")
    try:
        normal = _normal(url)
        parts = urlsplit(normal)
        port = DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except (RequestException, ValueError) as error:
        raise BlockedAddress("This is not a URL that can be sent to.") from error
    if not parts.hostname or not port:
        raise BlockedAddress("The URL has no host or no port that can be sent to.")
    return Target(normal, parts.scheme, parts.hostname, port)


def _normal(url: str) -> str:
    request = PreparedRequest()
    request.prepare_url(url, None)
    return request.url or ""


def _check_host(host: str) -> None:
    """Names and numbers have one alphabet; what has a colon is read as IPv6, without a zone."""
    readable = "%" not in host if ":" in host else _HOST_NAME.fullmatch(host)
    if not readable or len(host) > _LONGEST_NAME:
        raise BlockedAddress("The URL's host is not a host name.")


def _literal(host: str) -> Address | None:
    """The address that the host spells, in any notation that a resolver reads; None for a name."""
    bare = host.removesuffix(".")
    try:
        if ":" in bare:
            return IPv6Address(bare)
        if _ENDS_IN_NUMBER.search(bare):
            return IPv4Address(socket.inet_aton(bare))
    except (ValueError, OSError) as error:
        raise BlockedAddress(f"{host} is not an address.") from error
    return None
