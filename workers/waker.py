"""What wakes the event loop of a worker, which kombu lets sleep until a descriptor has news."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# A signal for a child is not one for the loop of its parent.
os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))


class Waker:
    """Ends the wait of an event loop for another thread: kombu's own ends with the next message.

    That is not asked for while as many jobs are under way as there are threads: the loop goes on
    waiting, for up to ten seconds, when one of them has ended or is to be acknowledged. So it does
    when a signal has told the worker to stop.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._looping: threading.Thread | None = None

    def register(self, hub: Any) -> None:
        """Be heard by that loop, which runs in this thread."""
        self._looping = threading.current_thread()
        if self._looping is threading.main_thread():  # no other one hears of signals
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        hub.add_reader(self._read, self._empty)

    def wake(self) -> None:
        """Have the loop go round, unless it is the loop itself that asks."""
        if threading.current_thread() is not self._looping:
            with suppress(BlockingIOError):  # full: it is about to wake
                os.write(self._write, b"!")

    def woken_by_ends(self, apply: Callable[..., Any]) -> Callable[..., Any]:
        """The same way to give a job to a thread; its end wakes."""

        def wakes_at_end(*given: Any, **options: Any) -> Any:
            result = apply(*given, **options)
            result.f.add_done_callback(lambda _: self.wake())
            return result

        return wakes_at_end

    def _empty(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._read, 65_536)
