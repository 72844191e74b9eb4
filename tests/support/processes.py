"""Ports for processes, and the end of processes."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil

SECONDS_TO_DIE = 10.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until_it_works(process: subprocess.Popen[bytes], works: Callable[[], bool]) -> None:
    """Wait until a process does what it was started for; fails where it has ended instead."""
    while not works():
        assert process.poll() is None
        time.sleep(0.05)


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """Stop them all first, so that none sees another one die; then kill them."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    psutil.wait_procs(processes, SECONDS_TO_DIE)
