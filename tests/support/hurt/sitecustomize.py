"""In every process of a service that tests hurt: short leases, a door and a clock of its own.

Python imports it by itself where its folder is on the path. Nothing of it is in the product.

- Leases and waits are a fifth of what they are, so that an outage of seconds is a long one.
- ``FAULT_CREWS_BROKER_URL`` is the setting ``BROKER_URL`` of crew workers alone, and so on for each
  kind of process and each setting.
- ``FAULT_CLOCKS`` names a folder; a file ``crews`` in it holds the seconds by which the clock of
  crew workers is wrong, from the moment at which it is written.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

from orchestrator.domain import retry

LOOK = 0.1
OWN_NAME = "FAULT_ROLE"
KINDS = ("crews", "api", "webhooks", "intake", "sweep")


def kind_of_process() -> str:
    """What this process is, by its command line; empty where it is none of the service's."""
    told = os.environ.get(OWN_NAME)
    return told or next((kind for kind in KINDS if kind in sys.orig_argv), "")


def shorten_leases() -> None:
    """Longer than all that an idle machine needs, as the true ones are."""
    retry.LEASE = timedelta(seconds=8)
    retry.RENEWAL = timedelta(seconds=2)
    retry.HEARTBEAT = timedelta(seconds=1)
    retry.MISSED = timedelta(seconds=4)
    retry.FIRST_PUBLISH_AGAIN = timedelta(seconds=6)
    retry.LONGEST_PUBLISH_AGAIN = timedelta(seconds=24)
    retry.LONGEST_TASK_BACKOFF = timedelta(seconds=4)


def take_own_settings(kind: str) -> None:
    """What only this kind of process is told."""
    prefix = f"FAULT_{kind.upper()}_"
    own = [(k.removeprefix(prefix), v) for k, v in os.environ.items() if k.startswith(prefix)]
    for name, value in own:
        os.environ[f"ORCHESTRATOR_{name}"] = value


class WrongClock:
    """Sets the clock of this process, as Python code sees it, by what a file says."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._wrong_by = 0.0
        self._travel: time_machine.travel | None = None
        self.watch()
        os.register_at_fork(after_in_child=self.watch)

    def watch(self) -> None:
        """Look at once, and go on looking: a fork has no threads."""
        self._look()
        threading.Thread(target=self._look_for_ever, daemon=True).start()

    def _look_for_ever(self) -> None:
        while True:
            time.sleep(LOOK)
            self._look()

    def _look(self) -> None:
        with suppress(OSError, ValueError):
            wrong_by = float(self._file.read_text())
            if wrong_by != self._wrong_by:
                self._set(wrong_by)

    def _set(self, wrong_by: float) -> None:
        if self._travel is not None:
            self._travel.stop()
        self._wrong_by, self._travel = wrong_by, None
        if wrong_by:
            there = datetime.now(UTC) + timedelta(seconds=wrong_by)
            self._travel = time_machine.travel(there, tick=True)
            self._travel.start()


if kind := kind_of_process():
    shorten_leases()
    take_own_settings(kind)
    if clocks := os.environ.get("FAULT_CLOCKS"):
        WrongClock(Path(clocks) / kind)
