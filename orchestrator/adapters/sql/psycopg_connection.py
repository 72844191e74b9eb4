"""A connection of psycopg that does not wait for ever. The only module that imports psycopg."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the other end says nothing for too long.

    The kernel sees that a machine is gone; it does not see a proxy that keeps the connection open
    and passes nothing on.
    """

    silence: float = float("inf")
    """Seconds that an answer may take."""

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """Wait for what the server answers. Raises OperationalError where it takes too long."""
        return super().wait(self._limited(gen, self.silence), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
        """Pass on what is waited for; psycopg comes back ten times a second, ready or not."""
        until = time.monotonic() + seconds
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if not ready and time.monotonic() > until:
                    self.close()
                    raise psycopg.OperationalError(f"no answer within {seconds:g} s")
                awaited = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result


def connect(silence: float, *args: Any, **options: Any) -> LimitedConnection:
    """Connect; ``silence`` are the seconds that an answer may take."""
    connection = LimitedConnection.connect(*args, **options)
    connection.silence = silence
    return connection
