"""A worker that is gone in the middle of a task, and may come back as a zombie.

It is one that hangs in a call while its claim is ended, as a lapsed lease or its parent ends it:
the database sees the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from orchestrator.jobs import Job
from orchestrator.usecases.executions.claims import end_claims_of_lost_child


class Gone:
    """A worker that hangs in the call of that number, whose claim has been ended."""

    def __init__(
        self, world: Any, errands: Any, at: int, ready: Callable[[], bool] = lambda: True
    ) -> None:
        self._world = world
        self._errands = errands
        self._at = at
        self._calls = 0
        self._lock = threading.Lock()
        self._there = threading.Event()
        self._on = threading.Event()
        self.job: Job = world.jobs.pop(0)
        errands.BEFORE.append(self._before)
        self._thread = threading.Thread(target=world.run, args=(self.job,), daemon=True)
        self._thread.start()
        assert self._there.wait(60), errands.MADE
        errands.BEFORE.clear()
        while not ready():
            self._on.wait(0.01)
        assert end_claims_of_lost_child(world.ports, "w-1", self.job.arguments["task_run_id"])
        world.hurry()
        world.jobs.append(self.job)

    def _before(self, _name: str) -> None:
        with self._lock:
            self._calls += 1
            is_it = self._calls == self._at
        if is_it:
            self._there.set()
            self._on.wait(60)

    def goes_on(self) -> None:
        """It wakes up, and does what it was about to do."""
        self._on.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
