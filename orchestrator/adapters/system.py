"""The clock, ids and chance of this machine; and crash points, which production leaves empty."""

from __future__ import annotations

import ctypes
import os
import random
import secrets
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import uuid_utils

CRASH_POINT = "ORCHESTRATOR_CRASH_POINT"
"""For tests only: the places at which this process kills itself, separated by commas."""

CRASH_POINT_ONCE = "ORCHESTRATOR_CRASH_POINT_ONCE"
"""For tests only: a path; a crash creates it with the place's name added to its end, and where that
exists the place does not crash again, but in the one process whose id it holds."""


_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 1024 * 1024


def give_back_large_memory() -> None:
    """Have glibc give blocks from 1 MiB on back to the system as soon as they are free.

    By itself it keeps them for later, in a heap for each thread, once a few were freed. Does
    nothing where the C library has no such option.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK)


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)


class Uuid7Ids:
    """UUIDs of version 7: ids made later, by this process at least, sort later."""

    def new(self) -> str:
        """A new id."""
        return str(uuid_utils.uuid7())


class SystemChance:
    """Randomness from the operating system."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def jitter(self) -> float:
        """A number from -1 to 1, evenly distributed."""
        return self._random.uniform(-1, 1)

    def secret(self) -> str:
        """A new secret of 256 bits as URL-safe text."""
        return secrets.token_urlsafe(32)


def crash_point_from(environ: Mapping[str, str]) -> Callable[[str], None]:
    """What to call at each crash point.

    Does nothing, unless tests set ORCHESTRATOR_CRASH_POINT: then the process kills itself, as a
    power cut would, when it reaches a place of that name.
    """
    doomed = environ.get(CRASH_POINT, "").split(",")
    if doomed == [""]:
        return _carry_on
    guard = environ.get(CRASH_POINT_ONCE)

    def crash(name: str) -> None:
        if name in doomed and (guard is None or _may_crash(Path(f"{guard}.{name}"))):
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def _carry_on(name: str) -> None:
    """Pass the crash point of that name."""


def _may_crash(guard: Path) -> bool:
    try:
        guard.touch(0o600, exist_ok=False)
    except FileExistsError:
        is_meant = guard.read_text() == str(os.getpid())
        if is_meant:
            guard.write_text("")
        return is_meant
    return True
