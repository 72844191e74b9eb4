"""One poller for all who listen: reads the tail of the timelines, hands each entry to everybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from orchestrator.domain.timeline import Entry
from orchestrator.ports import Ports

log = structlog.get_logger()

Wanted = Callable[[Entry], bool]

SECONDS_BETWEEN_LOOKS = 0.5
PAGE = 500

PATIENCE = 2.0
"""Seconds that a missing number is waited for: PostgreSQL gives numbers out before the commit, and
a transaction that was rolled back never shows its own."""

MOST_UNREAD = 1000
"""Entries that wait for a listener who does not read; then it is cut off, and may resume."""


class Listener:
    """One who listens: what it wants to hear, and what it has yet to read."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._unread: asyncio.Queue[Entry | None] = asyncio.Queue(MOST_UNREAD)
        self.is_cut_off = False

    def tell(self, entry: Entry) -> None:
        """Hand over an entry, if it is wanted; whoever does not read is cut off."""
        if self.is_cut_off or not self.wanted(entry):
            return
        if self._unread.full():
            self.is_cut_off = True
            self._unread.get_nowait()
            self._unread.put_nowait(None)
            return
        self._unread.put_nowait(entry)

    async def next(self, seconds: float) -> Entry | None:
        """The next entry; None where none came in that time, or it was cut off."""
        try:
            return await asyncio.wait_for(self._unread.get(), seconds)
        except TimeoutError:
            return None


class Feed:
    """Entries in the order of their numbers, without gaps, for as long as somebody listens.

    All methods belong to one event loop; the database is read in a thread.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._listeners: set[Listener] = set()
        self._poller: asyncio.Task[None] | None = None
        self._told = 0
        self._gap_since: float | None = None
        self._starting = asyncio.Lock()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @asynccontextmanager
    async def listen(self, wanted: Wanted) -> AsyncIterator[tuple[Listener, int]]:
        """Listen from now on: gives the listener, and the number after which it is told all."""
        async with self._starting:
            if self._poller is None:
                self._told = await asyncio.to_thread(self._newest)
                self._poller = asyncio.create_task(self._poll())
        listener = Listener(wanted)
        self._listeners.add(listener)
        try:
            yield listener, self._told
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    async def replay(self, wanted: Wanted, after: int, up_to: int) -> AsyncIterator[Entry]:
        """What was wanted of the entries between two numbers, the latter among them."""
        while after < up_to:
            page = await asyncio.to_thread(self._page, after)
            for entry in page:
                if _number(entry) <= up_to and wanted(entry):
                    yield entry
            after = _number(page[-1]) if page else up_to

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            try:
                self._tell(await asyncio.to_thread(self._page, self._told))
            except Exception:
                log.exception("timelines could not be read; it goes on")

    def _tell(self, page: Sequence[Entry]) -> None:
        """Hand on what follows without a gap; a gap is waited for a while, then passed over."""
        for entry in page:
            if _number(entry) != self._told + 1 and not self._may_pass_gap():
                return
            self._gap_since, self._told = None, _number(entry)
            for listener in self._listeners:
                listener.tell(entry)

    def _may_pass_gap(self) -> bool:
        now = time.monotonic()
        self._gap_since = self._gap_since or now
        return now - self._gap_since >= PATIENCE

    def _newest(self) -> int:
        return self._ports.store.read(lambda tx: tx.timeline.newest())

    def _page(self, after: int) -> tuple[Entry, ...]:
        return self._ports.store.read(lambda tx: tx.timeline.beyond(after, PAGE))


def _number(entry: Entry) -> int:
    if entry.number is None:
        raise LookupError("an entry that was read has a number")
    return entry.number
