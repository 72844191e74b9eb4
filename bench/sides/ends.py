"""Inside workers: what ended is told by the broker, so that nobody has to look for it.

``BENCH_REDIS`` is the URL of the bench's own Valkey; a worker connects when it first tells.
"""

from __future__ import annotations

import os
import time
from functools import cache

from redis import Redis

LEFT, ALL, STARTED = "bench:left", "bench:all", "bench:started"
"""How many ends are awaited; where it is said that none is left; when a function began."""


@cache
def _broker(_pid: int) -> Redis:
    return Redis.from_url(os.environ["BENCH_REDIS"])


def broker() -> Redis:
    """The connection of this process."""
    return _broker(os.getpid())


def one_ended() -> None:
    """Count one end; the last one wakes who waits."""
    if broker().decr(LEFT) == 0:
        broker().lpush(ALL, repr(time.time()))


def started() -> None:
    """Say when this was called."""
    broker().lpush(STARTED, repr(time.time()))
