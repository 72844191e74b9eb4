"""Kombu's transport over Redis, which keeps the client that it publishes with.

Kombu makes a client for every command, and each builds a table of what all of Redis' commands
answer: that took longer than to publish a job.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

_HERE = f"{__name__}:Transport"


class Channel(redis.Channel):  # type: ignore[misc]  # kombu has no types
    """Makes one client for its pool of connections, and a new one after that was given up."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's
        if asynchronous:  # what consumes holds a connection of its own, and is kept by kombu
            return super()._create_client(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept


class Transport(redis.Transport):  # type: ignore[misc]  # kombu has no types
    """Kombu's own, over such channels."""

    Channel = Channel


def use_kept_clients() -> None:
    """Have every connection of this process that names Redis in its URL use this transport."""
    TRANSPORT_ALIASES.update({"redis": _HERE, "rediss": _HERE})
