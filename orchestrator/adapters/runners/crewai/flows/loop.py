"""The event loop of a run: it waits for no thread when it ends, and says when it has settled."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_LONGEST = 10_000
"""Rounds of a loop in which somebody spins."""


def run_apart(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own.

    Threads of methods that lost a race, or whose time is over, are left behind: ``asyncio.run``
    would wait for them.
    """
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_ThreadForEach())
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(leave(asyncio.all_tasks(loop)))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def leave(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have noticed."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def settle(loop: asyncio.AbstractEventLoop) -> None:
    """Wait until the loop has nothing to do but wait: for threads, for the network, for a time.

    Of several that wait for it, one goes on at a time: what it does comes to rest before the next.
    """
    await _idle.setdefault(loop, _Idle(loop)).settle()


class _Idle:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._watch: asyncio.Task[None] | None = None

    async def settle(self) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if self._watch is None or self._watch.done():
            self._watch = loop.create_task(self._wake_one_by_one())
        await turn

    async def _wake_one_by_one(self) -> None:
        ready = self._loop()._ready  # type: ignore[union-attr]  # noqa: SLF001 - said nowhere else
        while self._waiting:
            for _ in range(_LONGEST):
                await asyncio.sleep(0)
                if not ready:
                    break
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


_idle: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Idle] = weakref.WeakKeyDictionary()


class _ThreadForEach(ThreadPoolExecutor):
    """A daemon thread for each call: none waits for another, and no exit waits for them."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future
