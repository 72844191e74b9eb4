"""Keeps to ``max_rpm`` in a process that lives on.

CrewAI's own counter forgets its requests by a timer, which ends with the first kickoff: from then
on each ``max_rpm``-th request waits a whole minute, however long ago the others were. And a crew
has a new one, whose timer goes on for ever, each time that one of its agents is set up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Self

from crewai.utilities.rpm_controller import RPMController
from pydantic import PrivateAttr, model_validator

MINUTE = 60.0


class Pace(RPMController):
    """Lets as many requests pass in any minute as are allowed, whichever executions ask them."""

    _turn: Any = PrivateAttr(default_factory=threading.Lock)
    _passed: deque[float] = PrivateAttr(default_factory=deque)

    @model_validator(mode="after")
    def reset_counter(self) -> Self:
        """There is no timer to be started."""
        return self

    def check_or_wait(self) -> bool:
        """Wait until one more request is allowed, and count it."""
        if self.max_rpm is None:
            return True
        with self._turn:
            if len(self._passed) >= self.max_rpm:
                self._wait_for(self._passed.popleft() + MINUTE)
            self._passed.append(time.monotonic())
        return True

    def stop_rpm_counter(self) -> None:
        """What has passed counts for the next execution too."""

    @staticmethod
    def _wait_for(moment: float) -> None:
        if (wait := moment - time.monotonic()) > 0:
            time.sleep(wait)
