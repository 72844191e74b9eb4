"""Starts processes in Python by forking one that has imported what they share.

It is the supervisor's side; ``template_process`` is what runs there.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

import structlog

from orchestrator.adapters.supervisor.kernel import adopting
from orchestrator.adapters.supervisor.process import Child, Process, spawn

PATIENCE = 5.0
"""Seconds in which a fork has to be made; it takes milliseconds."""

_PAUSE = 0.01
_MODULE = "orchestrator.adapters.supervisor.template_process"

log = structlog.get_logger(__name__)


class Template:
    """A process that imports these modules once, and forks each child that is asked for.

    Children whose command is this interpreter's ``-m MODULE …`` are forked; all others are spawned,
    as are those that are due when it is not ready or has ended, and all of them where the system is
    not Linux: forking after imports is not safe on macOS. What modules read of the environment as
    they are imported is that of ``env``.

    The supervisor is the parent of a forked child, too. So it sees their ends, and they live on
    without the template.
    """

    def __init__(self, modules: Sequence[str], env: Mapping[str, str]) -> None:
        self._modules = modules
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    def __enter__(self) -> Self:
        if sys.platform == "linux":
            self._line, theirs = socket.socketpair()
            self._line.setblocking(False)
            with theirs:
                number = str(theirs.fileno())
                argv = [sys.executable, "-m", _MODULE, number, *self._modules]
                child = Child("template", argv, self._env)
                self._process = spawn(child, pass_fds=(theirs.fileno(),))
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._give_up(self._process)

    def is_settled(self) -> bool:
        """Whether there is nothing to wait for: it is ready, or will never be."""
        if self._process is None or self._is_ready:
            return True
        try:
            self._is_ready = bool(self._line.recv(1))
        except BlockingIOError:
            return False
        if not self._is_ready:
            log.warning("processes are started without a template", error="it has ended")
            self._give_up(self._process)
        return True

    def start(self, child: Child) -> Process:
        """Start its process, as ``spawn`` does. Raises OSError."""
        if self._process is not None and self._is_ready and _is_module(child.argv):
            with child.outputs() as outputs:
                try:
                    return Forked(self._fork(child, outputs))
                except (OSError, ValueError) as wrong:
                    log.warning("processes are started without a template", error=repr(wrong))
                    self._give_up(self._process)
        return spawn(child)

    def _fork(self, child: Child, outputs: tuple[int, int]) -> int:
        """Its process id. Raises OSError or ValueError where the template does not answer."""
        ours, theirs = socket.socketpair()
        with ours, adopting():
            with theirs:
                socket.send_fds(self._line, [b"f"], [theirs.fileno(), *outputs])
            ours.settimeout(PATIENCE)
            with ours.makefile("rw") as line:
                pid = int(line.readline())
                json.dump({"argv": child.argv, "env": child.environment}, line)
            return pid

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._line.close()
        self._process = None


def _is_module(argv: Sequence[str]) -> bool:
    return list(argv[:2]) == [sys.executable, "-m"]


class Forked:
    """A child that was forked by another process, and adopted by this one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status once it has ended."""
        return self._look(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if timeout is None:
            self._look(0)
        until = time.monotonic() + (timeout or 0.0)
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(_PAUSE)
        return status

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _look(self, options: int) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, options)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode
