"""Runs a set of processes in the foreground: starts them in order, and again when they die."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Self

import structlog

from orchestrator.adapters.supervisor.process import Child, Process, spawn

FIRST_RESTART = 1.0
LONGEST_RESTART = 30.0
SETTLED = 60.0
"""Seconds alive after which a child's earlier deaths are forgotten."""

STOPPED_AT_ONCE = 128 + signal.SIGINT
_READINESS_PAUSE = 0.05

log = structlog.get_logger(__name__)


def restart_delay(deaths: int) -> float:
    """Seconds to wait after that many deaths in a row: one, doubling, at most thirty."""
    return min(LONGEST_RESTART, FIRST_RESTART * 2.0 ** (min(deaths, 32) - 1))


class Supervisor:
    """Keeps children running until it is told to stop: by SIGTERM, SIGINT or SIGHUP.

    Each child leads a process group, so that Ctrl-C reaches the supervisor alone and nothing that
    a child started outlives it. On Linux children die with a supervisor that is killed.

    ``is_up`` is asked again and again, once all were started, until it is True. ``start`` starts
    the process of a child, and raises OSError where it cannot.
    """

    def __init__(
        self,
        children: Sequence[Child],
        is_up: Callable[[], bool] = lambda: True,
        start: Callable[[Child], Process] = spawn,
    ) -> None:
        self._kept = [_Kept(child, start) for child in children]
        self._is_up = is_up
        self._killed = False

    def run(self) -> int:
        """Run to the end, in the main thread.

        Returns 0 when every child ended when it was told to, 1 when one had to be killed, and 130
        when a second signal asked to stop at once.
        """
        with _Signals() as signals:
            try:
                self._start_in_order(signals)
                self._tend_until(self._is_up, self._kept, signals)
                while not signals.stops:
                    signals.wait(self._tend(self._kept))
            finally:
                self._stop(signals)
            return STOPPED_AT_ONCE if signals.stops > 1 else int(self._killed)

    def _start_in_order(self, signals: _Signals) -> None:
        for place, kept in enumerate(self._kept):
            if kept.child.waits_for is not None:
                self._tend_until(kept.child.waits_for, self._kept[:place], signals)
            self._tend_until(kept.is_ready, self._kept[: place + 1], signals)

    def _tend_until(
        self, is_ready: Callable[[], bool], started: Sequence[_Kept], signals: _Signals
    ) -> None:
        while not signals.stops:
            self._tend(started)
            if is_ready():
                return
            signals.wait(_READINESS_PAUSE)

    def _tend(self, started: Sequence[_Kept]) -> float | None:
        """Start what is due; returns the seconds until something else is, None for no such time."""
        now = time.monotonic()
        due = [at for kept in started if (at := kept.tend(now)) is not None]
        return max(0.0, min(due) - now) if due else None

    def _stop(self, signals: _Signals) -> None:
        """Stop in reverse order; those that others lean on once the others have ended."""
        asked: list[_Kept] = []
        for kept in reversed(self._kept):
            if kept.child.ready is not None:
                self._see_end(asked, signals)
                asked = []
            kept.ask_to_stop(time.monotonic())
            asked.append(kept)
        self._see_end(asked, signals)

    def _see_end(self, asked: Sequence[_Kept], signals: _Signals) -> None:
        """Wait for the ends of these, each for its grace, or not at all after a second signal."""
        for kept in asked:
            while kept.is_alive and signals.stops < 2 and kept.grace_left > 0:  # noqa: PLR2004 - twice
                signals.wait(kept.grace_left)
            self._killed |= kept.is_alive
            kept.kill()


class _Kept:
    """One child over its lives."""

    def __init__(self, child: Child, start: Callable[[Child], Process]) -> None:
        self.child = child
        self._start_process = start
        self._process: Process | None = None
        self._started_at = 0.0
        self._due_at: float | None = 0.0
        self._deaths = 0
        self._stop_by = 0.0

    def is_ready(self) -> bool:
        """Whether those that lean on it may start."""
        return self.child.ready is None or (self.is_alive and self.child.ready())

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def grace_left(self) -> float:
        """Seconds that it still has to end by itself."""
        return self._stop_by - time.monotonic()

    def tend(self, now: float) -> float | None:
        """Note its death, start it when that is due; returns when the next start is due, if any."""
        if self._due_at is None and not self.is_alive:
            self._note_death(now)
        if self._due_at is not None and now >= self._due_at:
            self._start(now)
        return self._due_at

    def ask_to_stop(self, now: float) -> None:
        self._stop_by = now + self.child.grace
        if self._process is not None:
            self._process.send_signal(self.child.stop_signal)

    def kill(self) -> None:
        """End whatever is left of it and of what it started."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a dead group
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _start(self, now: float) -> None:
        self._started_at, self._due_at = now, None
        try:
            self._process = self._start_process(self.child)
        except OSError as wrong:
            self._process = None
            log.error("child cannot be started", child=self.child.name, error=str(wrong))  # noqa: TRY400 - the message says all

    def _note_death(self, now: float) -> None:
        settled = now - self._started_at >= SETTLED
        self._deaths = 1 if settled else self._deaths + 1
        delay = restart_delay(self._deaths)
        self._due_at = now + delay
        code = self._process.returncode if self._process else None
        log.warning("child ended", child=self.child.name, code=code, restart_in=delay)
        self.kill()


class _Signals:
    """The signals of this process while it supervises: counts those that ask to stop."""

    _STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self.stops = 0
        self._bell, self._ringer = socket.socketpair()

    def __enter__(self) -> Self:
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._earlier_fd = signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        caught = (*self._STOPS, signal.SIGCHLD)
        self._earlier = {number: signal.signal(number, self._note) for number in caught}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._earlier_fd)
        self._bell.close()
        self._ringer.close()

    def wait(self, seconds: float | None) -> None:
        """Wait for the next signal, a child's death among them, for at most that long."""
        if select.select([self._bell], [], [], seconds)[0]:
            self._bell.recv(4096)

    def _note(self, number: int, _: FrameType | None) -> None:
        if number in self._STOPS:
            self.stops += 1
