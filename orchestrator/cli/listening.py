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

    Linux gives each its part of the clients. Raises AddressInUse where somebody else has it.
    """
    kind, passive = socket.SOCK_STREAM, socket.AI_PASSIVE
    with ExitStack() as failing:
        made: list[socket.socket] = []
        try:
            found = socket.getaddrinfo(host or None, port, type=kind, flags=passive)
            for family, *_, address in found:
                if family is socket.AF_INET6 and len(found) > 1 and not _has_ipv6():
                    continue
                made.append(failing.enter_context(socket.socket(family, kind)))
                for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                    made[-1].setsockopt(socket.SOL_SOCKET, option, 1)
                if family is socket.AF_INET6:  # as asyncio has it: IPv4 has a socket of its own
                    made[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                made[-1].bind(address)
        except (OSError, UnicodeError) as error:
            raise _in_use(host, port, error) from None
        failing.pop_all()
        return made


def _has_ipv6() -> bool:
    """Whether the kernel has it: a name may lead to both all the same."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _in_use(host: str, port: int, error: Exception, option: str = "--port") -> AddressInUse:
    """``error`` is what was raised: a UnicodeError of a name with an empty part."""
    why = getattr(error, "strerror", None) or str(error)
    return AddressInUse(host, port, why, option)
