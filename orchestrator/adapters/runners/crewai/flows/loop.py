"""The event loop of a run: it waits for no thread when it ends, and says when it has settled."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_LONGEST = 10_000
"""Rounds of a loop in which somebody spins."""
_IDLE = "_idle_of_flows"
"""The attribute of a loop that has its ``_Idle``. That refers to the loop, and so to all that ran
on it: a mapping of loops would keep each for ever."""


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
    idle = getattr(loop, _IDLE, None)
    if idle is None:
        idle = _Idle(loop)
        setattr(loop, _IDLE, idle)
    await idle.settle()


class _Idle:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
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
        ready = self._loop._ready  # type: ignore[attr-defined]  # noqa: SLF001 - said nowhere else
        while self._waiting:
            for _ in range(_LONGEST):
                await asyncio.sleep(0)
                if not ready:
                    break
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


class Leavable(Coroutine[Any, Any, T]):
    """A coroutine that nobody has to await; Python warns of any other that is forgotten.

    A thread may give one to a task that was cancelled meanwhile. ``given`` is what it was made of:
    where that is a coroutine, it is left with it.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], given: object = None) -> None:
        self._coroutine = coroutine
        self._given = given

    def __await__(self) -> Generator[Any, Any, T]:
        result = yield from self._coroutine.__await__()
        self._given = None
        return result

    def send(self, value: Any, /) -> Any:
        """Go on with the value."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with the error."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it where it stands."""
        self._coroutine.close()
        if asyncio.iscoroutine(self._given):
            self._given.close()

    def __del__(self) -> None:
        self.close()


class _ThreadForEach(ThreadPoolExecutor):
    """A daemon thread for each call at work: none waits for another, and no exit waits for them.

    A thread whose call has ended takes the next. Each call has the context of whoever made it, as
    by ``asyncio.to_thread``: ``loop.run_in_executor(None, crew.kickoff)`` knows of the run.
    """

    def __init__(self) -> None:
        super().__init__()
        self._free: list[SimpleQueue[Callable[[], None] | None]] = []
        self._guard = threading.Lock()
        self._over = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        context = copy_context()
        calls = self._thread()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                self._free_again(calls)
                return
            try:
                result = context.run(fn, *args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
                self._free_again(calls)
                future.set_exception(error)
            else:
                self._free_again(calls)  # before anybody hears of the end, and has another call
                future.set_result(result)

        calls.put(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - as overridden
        with self._guard:
            self._over = True
            free, self._free = self._free, []
        for calls in free:
            calls.put(None)

    def _thread(self) -> SimpleQueue[Callable[[], None] | None]:
        with self._guard:
            if self._free:
                return self._free.pop()
        calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=_work_off, args=(calls,), daemon=True).start()
        return calls

    def _free_again(self, calls: SimpleQueue[Callable[[], None] | None]) -> None:
        with self._guard:
            if self._over:
                calls.put(None)
            else:
                self._free.append(calls)


def _work_off(calls: SimpleQueue[Callable[[], None] | None]) -> None:
    while (work := calls.get()) is not None:
        work()
        del work  # it holds on to what it was called with
