"""Connections to vetted addresses only, bounded in time and size whatever comes.

A connection keeps the name of its host, for the certificate, SNI and ``Host``; it resolves nothing:
the addresses come from the guard, and belong to the pool's key. So a connection that is kept alive
is used again only while its host leads to the addresses to which it was made.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import PoolKey, key_fn_by_scheme
from urllib3.util.ssl_ import create_urllib3_context

from orchestrator.adapters.http.addresses import Address
from orchestrator.adapters.http.budget import budget
from orchestrator.adapters.http.guard import DEFAULT_PORTS, Guard

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

if TYPE_CHECKING:
    _Socket = socket.socket
    _Connection = HTTPConnection
else:
    _Socket = _Connection = object  # mixins: the real base stands second in each class below


class _Bounded(_Socket):
    """Each call may take what is left of the exchange: a timeout per call lets headers drip."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(budget().seconds())
        received = super().recv_into(*args, **kwargs)
        budget().spend(received)
        return received

    def sendall(self, *args: Any) -> None:
        self.settimeout(budget().seconds())
        super().sendall(*args)

    def send(self, *args: Any) -> int:
        self.settimeout(budget().seconds())
        return super().send(*args)


class BoundedSocket(_Bounded, socket.socket):
    """A plain socket of one exchange after another."""


class BoundedTLSSocket(_Bounded, ssl.SSLSocket):
    """The same under TLS."""


class _ToVetted(_Connection):
    """Connects to the addresses that it is given, in turn."""

    def __init__(self, *args: Any, addresses: tuple[Address, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._addresses = addresses

    def _new_conn(self) -> socket.socket:
        """Give each address an equal share of the time to connect; TLS gets what is left of it."""
        end = monotonic() + min(float(self.timeout or 0), budget().seconds())
        refusal: OSError = TimeoutError()
        for tried, address in enumerate(self._addresses):
            left = len(self._addresses) - tried
            try:
                connection = self._connected(address, _until(end) / left)
            except OSError as error:
                refusal = error
            else:
                connection.settimeout(_until(end))
                return connection
        raise refusal

    def _connected(self, address: Address, seconds: float) -> socket.socket:
        connection = BoundedSocket(_FAMILIES[address.version], socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():  # TCP_NODELAY: 20 times as many a second
                connection.setsockopt(*option)
            connection.settimeout(seconds)
            connection.connect((str(address), self.port))
        except BaseException:
            connection.close()
            raise
        return connection


def _until(end: float) -> float:
    """The seconds until then; never 0, which sockets take for not blocking."""
    return max(end - monotonic(), 0.001)


class VettedConnection(_ToVetted, HTTPConnection):
    """HTTP to a vetted address."""


class VettedTLSConnection(_ToVetted, HTTPSConnection):
    """HTTPS to a vetted address; the certificate has to be the host's."""


class VettedPool(HTTPConnectionPool):
    """Kept-alive connections to one host at its vetted addresses."""

    ConnectionCls = VettedConnection


class VettedTLSPool(HTTPSConnectionPool):
    """The same under TLS."""

    ConnectionCls = VettedTLSConnection


class _VettedKey(NamedTuple):
    """What makes two requests share a pool; name servers may list addresses in any order."""

    addresses: frozenset[Address]
    rest: PoolKey


def _vetted_key(context: dict[str, Any]) -> _VettedKey:
    rest = {name: value for name, value in context.items() if name != "addresses"}
    return _VettedKey(frozenset(context["addresses"]), key_fn_by_scheme[context["scheme"]](rest))


class VettedPools(PoolManager):
    """The pools of all hosts; the least recently used one is closed when they are too many."""

    CLASSES: ClassVar = {"http": VettedPool, "https": VettedTLSPool}
    KEYS: ClassVar[dict[str, Any]] = dict.fromkeys(CLASSES, _vetted_key)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.pool_classes_by_scheme = self.CLASSES
        self.key_fn_by_scheme = self.KEYS


class GuardedAdapter(HTTPAdapter):
    """Vets the host of each request, then sends it over a connection to what was vetted.

    It is used without a Session: that would follow or at least read redirects without a bound,
    and keep cookies; an adapter alone knows no proxies, no netrc and no environment.
    """

    def __init__(self, guard: Guard, authorities: ssl.SSLContext, *, hosts: int, kept: int) -> None:
        super().__init__()
        self._guard = guard
        self.poolmanager = VettedPools(num_pools=hosts, maxsize=kept, ssl_context=authorities)

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *_: Any, **__: Any
    ) -> HTTPConnectionPool:
        """Vet the host, now, and give the pool of the addresses that passed.

        Raises BlockedAddress and, when the name does not resolve, OSError.
        """
        target, _tls = self.build_connection_pool_key_attributes(request, verify=True)
        port = target["port"] or DEFAULT_PORTS[target["scheme"]]
        addresses = self._guard.addresses(target["host"], port)
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(
            **target, pool_kwargs={"addresses": addresses}
        )
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the pool as it is: its TLS context has the authorities and always verifies."""


def trusting(ca_bundle: Path | None) -> ssl.SSLContext:
    """A client's TLS context that trusts the public authorities and those in the PEM file."""
    context = create_urllib3_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if ca_bundle:
        context.load_verify_locations(ca_bundle)
    context.sslsocket_class = BoundedTLSSocket
    return context
