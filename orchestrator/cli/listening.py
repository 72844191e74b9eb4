"""Whether an address can be listened on: said in one line, before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack

from orchestrator.errors import AddressInUse


def require_free_address(host: str, port: int, option: str = "--port") -> None:
    """Raise AddressInUse where it is taken, or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, UnicodeError) as error:
            raise _in_use(host, port, error, option) from None


def shared_sockets(host: str, port: int) -> Sequence[socket.socket]:
    """Sockets on an address that other processes of the same user may share in the same way.

    The kernel gives each its part of the clients. Raises AddressInUse where somebody else has it.
    """
    with ExitStack() as failing:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            made = [failing.enter_context(socket.socket(*each[:3])) for each in found]
            for each, (family, *_, address) in zip(made, found, strict=True):
                for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                    each.setsockopt(socket.SOL_SOCKET, option, 1)
                if family is socket.AF_INET6:  # as asyncio has it: IPv4 has a socket of its own
                    each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                each.bind(address)
        except (OSError, UnicodeError) as error:
            raise _in_use(host, port, error) from None
        failing.pop_all()
        return made


def _in_use(host: str, port: int, error: Exception, option: str = "--port") -> AddressInUse:
    """``error`` is what was raised: a UnicodeError of a name with an empty part."""
    why = getattr(error, "strerror", None) or str(error)
    return AddressInUse(host, port, why, option)
