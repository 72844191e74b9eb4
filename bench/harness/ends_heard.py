"""How a bench hears of ends: it blocks on a list of the Valkey, and looks at nothing meanwhile."""

from __future__ import annotations

from ends import ALL, LEFT, STARTED
from redis import Redis

SECONDS = 300.0
"""How long an end is waited for before the bench gives up."""


class Ends:
    """What the functions of ``sides/bench_jobs.py`` tell over the Valkey at that URL."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url)

    def expect(self, count: int) -> None:
        """Say that so many ends are awaited, before what leads to them begins."""
        self._redis.delete(ALL, STARTED)
        self._redis.set(LEFT, count)

    def last(self) -> float:
        """Block until they all came; the time of the last one."""
        return self._popped(ALL)

    def started(self) -> float:
        """Block until a function says that it began: its time."""
        return self._popped(STARTED)

    def keys(self) -> int:
        """How many keys the broker has."""
        return int(self._redis.dbsize())  # type: ignore[arg-type]

    def _popped(self, key: str) -> float:
        found = self._redis.blpop([key], timeout=SECONDS)
        if found is None:
            raise TimeoutError(f"nothing came at {key}")
        return float(found[1])  # type: ignore[index]
