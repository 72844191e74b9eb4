"""One poller for all who listen: reads the tail of the timelines, hands each entry to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import structlog

from orchestrator.domain.timeline import Entry
from orchestrator.ports import EVERY_ENTRY, EntryFilter, Ports, Transaction
from orchestrator.usecases.outage import log_failure

log = structlog.get_logger()

MEDIA_TYPE = "text/event-stream"
MOST_LISTENERS = 2000

SECONDS_BETWEEN_SIGNS = 15.0
"""A line that means nothing goes out that often, so that nobody on the way hangs up."""

SECONDS_BETWEEN_LOOKS = 0.5
PAGE = 500

MOST_UNREAD = 1000
"""Entries that wait for a listener who does not read; then it is cut off, and may resume."""


class Right(NamedTuple):
    """What lets somebody listen: a token, by its id, or a session, by the hash of its secret."""

    token_id: str | None = None
    session: str | None = None


class Listener:
    """One who listens: what it wants to hear, by which right, and what it has yet to read."""

    def __init__(self, wanted: EntryFilter, right: Right) -> None:
        self.wanted = wanted
        self.right = right
        self._unread: asyncio.Queue[Entry | None] = asyncio.Queue(MOST_UNREAD)
        self.is_cut_off = False
        self.has_no_right = False

    def take(self, entry: Entry) -> None:
        """Hand over an entry, if it is wanted; whoever does not read is cut off."""
        if self.is_cut_off or not self.wanted.matches(entry):
            return
        if self._unread.full():
            self.cut_off()
            return
        self._unread.put_nowait(entry)

    def cut_off(self) -> None:
        """Tell it nothing any more, not even what it has yet to read."""
        self.is_cut_off = True
        while not self._unread.empty():
            self._unread.get_nowait()
        self._unread.put_nowait(None)

    def end(self) -> None:
        """Cut it off because its token was revoked, or its session has ended."""
        self.has_no_right = True
        self.cut_off()

    async def next(self, seconds: float) -> Entry | None:
        """The next entry; None where none came in that time, or it was cut off."""
        try:
            return await asyncio.wait_for(self._unread.get(), seconds)
        except TimeoutError:
            return None

    def rest(self) -> list[Entry]:
        """All that it has yet to read, without waiting."""
        found = []
        while not self._unread.empty():
            found.append(self._unread.get_nowait())
        return [each for each in found if each is not None]


class Look(NamedTuple):
    """Some entries, and which rights were still there when they were read."""

    entries: tuple[Entry, ...]
    live: frozenset[Right]


class Feed:
    """Entries in the order of their numbers, for as long as somebody listens.

    None is passed on before all those with lower numbers are settled: a slow transaction delays
    what others wrote since, and nothing is lost. All methods belong to one event loop; the database
    is read in a thread.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._listeners: set[Listener] = set()
        self._poller: asyncio.Task[None] | None = None
        self._passed_on = 0
        self._starting = asyncio.Lock()
        self.has_ended = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def passed_on(self) -> int:
        """The number up to which all was passed on to those who listen."""
        return self._passed_on

    @asynccontextmanager
    async def listen(
        self, wanted: EntryFilter, right: Right
    ) -> AsyncIterator[tuple[Listener, int]]:
        """Listen from now on: gives the listener, and the number after which it gets all."""
        async with self._starting:
            if self._poller is None:
                self._passed_on = await asyncio.to_thread(self._settled)
                self._poller = asyncio.create_task(self._poll())
        listener = Listener(wanted, right)
        self._listeners.add(listener)
        if self.has_ended:
            listener.cut_off()
        try:
            yield listener, self._passed_on
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    def end(self) -> None:
        """Cut all off, since this process ends: they come again, to the one after it."""
        self.has_ended = True
        for listener in self._listeners:
            listener.cut_off()

    async def replay(self, listener: Listener, after: int, up_to: int) -> AsyncIterator[Entry]:
        """What it wants of the entries between two numbers, the latter among them."""
        while after < up_to and not listener.is_cut_off:
            page, live = await asyncio.to_thread(
                self._look, listener.wanted, after, up_to, {listener.right}
            )
            if listener.right not in live:
                listener.end()
                return
            for entry in page:
                yield entry
            after = _number(page[-1]) if len(page) == PAGE else up_to

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            try:
                await self._catch_up()
            except Exception as error:  # noqa: BLE001 - logged, and looked for again
                log_failure(log, "timelines could not be read; it goes on", error)

    async def _catch_up(self) -> None:
        """Pass on all that is settled; whose right has ended is cut off before."""
        settled = await asyncio.to_thread(self._settled)
        while True:
            rights = {listener.right for listener in self._listeners}
            page, live = await asyncio.to_thread(
                self._look, EVERY_ENTRY, self._passed_on, settled, rights
            )
            self._pass_on(page, rights - live)
            if len(page) < PAGE:
                self._passed_on = max(self._passed_on, settled)
                return

    def _pass_on(self, page: Sequence[Entry], ended: Collection[Right] = ()) -> None:
        for listener in self._listeners:
            if listener.right in ended:
                listener.end()
            for entry in page:
                listener.take(entry)
        if page:
            self._passed_on = _number(page[-1])

    def _settled(self) -> int:
        return self._ports.store.read(lambda tx: tx.timeline.settled())

    def _look(self, wanted: EntryFilter, after: int, up_to: int, rights: Collection[Right]) -> Look:
        def read(tx: Transaction) -> Look:
            entries = tx.timeline.beyond(after, up_to, PAGE, wanted) if after < up_to else ()
            return Look(entries, _live(tx, rights))

        return self._ports.store.read(read)


def _live(tx: Transaction, rights: Collection[Right]) -> frozenset[Right]:
    tokens = tx.tokens.live({each.token_id for each in rights if each.token_id})
    sessions = tx.sessions.live({each.session for each in rights if each.session}, tx.now())
    return frozenset(each for each in rights if each.token_id in tokens or each.session in sessions)


def _number(entry: Entry) -> int:
    if entry.number is None:
        raise LookupError("an entry that was read has a number")
    return entry.number
