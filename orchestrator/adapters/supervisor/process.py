"""One process to keep running: what it is, and how it is started from nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from orchestrator.adapters.supervisor.kernel import die_with


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep running.

    ``env`` is added to the supervisor's own. On a stop it gets ``stop_signal`` and ``grace``
    seconds. With ``ready``, the children listed after it depend on it: they start once it returns
    True, and stop before this one does. With ``waits_for``, neither this child nor those after it
    start until it returns True. What it prints goes to the end of the file
    ``output``, or where the supervisor's own goes.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    ready: Callable[[], bool] | None = None
    waits_for: Callable[[], bool] | None = None
    output: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """All of its environment, as it is now."""
        return {**os.environ, **self.env}

    @contextmanager
    def outputs(self) -> Iterator[tuple[int, int]]:
        """The descriptors of its output and of its errors."""
        if self.output is None:
            yield 1, 2
            return
        with self.output.open("ab") as file:
            yield file.fileno(), file.fileno()


class Process(Protocol):
    """A child that was started, as ``subprocess`` speaks of it."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Its exit status once it has ended; below zero, the signal that killed it."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""


def spawn(child: Child, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start its process: in a group of its own, which ends with this process where it is killed."""
    doomed = partial(die_with, os.getpid()) if sys.platform == "linux" else None
    with child.outputs() as (output, errors):
        return subprocess.Popen(  # noqa: S603 - commands are the caller's own
            child.argv,
            env=child.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            process_group=0,
            pass_fds=pass_fds,
            preexec_fn=doomed,  # noqa: PLW1509 - the supervisor has one thread
        )
