"""What processes spend: read once before and once after, never while something is measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

import psutil


def tree(pid: int) -> list[psutil.Process]:
    """A process and all that came from it."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_of(processes: Iterable[psutil.Process]) -> float:
    """Seconds that these have spent so far, with their children that have ended."""
    spent = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def cpu_of_tree(pid: int) -> float:
    """Seconds that a process and all that came from it have spent so far.

    The kernel counts in hundredths: what is measured by it has to take seconds.
    """
    return cpu_of(tree(pid))


def memory_of(processes: Iterable[psutil.Process]) -> float:
    """Bytes that these have: of what several share, each its part (PSS)."""
    held = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            held += process.memory_full_info().pss
    return held


def children(pid: int) -> list[psutil.Process]:
    """The processes that a worker runs its jobs in."""
    return list(psutil.Process(pid).children())


def name_of(process: psutil.Process) -> str:
    """What a process of a service is: api, crews, webhooks, intake, sweep, template or broker."""
    line = " ".join(process.cmdline())
    for pattern, name in _NAMES:
        if re.search(pattern, line):
            return name
    return "up"


_NAMES = (
    (r"valkey", "broker"),
    (r"template_process", "template"),
    (r"-Q crews", "crew worker"),
    (r"-Q webhooks", "webhook worker"),
    (r"-Q intake", "intake worker"),
    (r"orchestrator sweep|sweep\b", "sweep"),
    (r"\bapi\b", "API"),
)
