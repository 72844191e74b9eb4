"""What Linux does for processes, and Python has no call for."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ARGUMENTS_START, _ARGUMENTS_END = 45, 46
"""Fields 48 and 49 of /proc/PID/stat, counted from the one after the name."""

_libc = ctypes.CDLL(None)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)


@contextmanager
def adopting() -> Iterator[None]:
    """Meanwhile, become the parent of descendants whose own parents end."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)


def show_arguments(argv: Sequence[str]) -> None:
    """Have ``ps`` show these arguments for this process, as far as there is room for them.

    They are written over those that it was started with, as PostgreSQL and ``setproctitle`` do.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[_ARGUMENTS_START]), int(fields[_ARGUMENTS_END])
    except (OSError, IndexError):  # a sandbox does not say where they are
        return
    shown = b"".join(os.fsencode(argument) + b"\0" for argument in argv)[: end - start - 1]
    ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)
