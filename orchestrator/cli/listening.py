"""Whether an address can be listened on: said in one line, before anything starts."""

from __future__ import annotations

import socket

from orchestrator.errors import AddressInUse


def require_free_address(host: str, port: int, option: str = "--port") -> None:
    """Raise AddressInUse where it is taken, or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, UnicodeError) as error:  # the latter of a name with an empty part
            why = getattr(error, "strerror", None) or str(error)
            raise AddressInUse(host, port, why, option) from None
