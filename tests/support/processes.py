"""Ports for processes, and the end of processes."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import psutil

SECONDS_TO_DIE = 10.0
SECONDS_TO_WORK = 150.0
"""Less than a test may take, so that it is this wait that fails."""

SECONDS_BETWEEN_LOOKS = 0.05

T = TypeVar("T")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def came_true(condition: Callable[[], T | None], seconds: float) -> T | None:
    """What the condition gave once it held; None where it did not in that time.

    Another process can only be asked again and again.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return None


def until_it_works(process: subprocess.Popen[bytes], works: Callable[[], bool]) -> None:
    """Wait until a process does what it was started for; fails where it has ended instead."""
    assert came_true(lambda: works() or process.poll() is not None, SECONDS_TO_WORK)
    assert process.poll() is None


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """Stop them all first, so that none sees another one die; then kill them."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    psutil.wait_procs(processes, SECONDS_TO_DIE)
