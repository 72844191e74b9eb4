"""Pages as they change: server-sent events, for the waiting list the rows that come and go.

One look at the timelines serves all who listen (``Feed``), and one reading of the reviews that
changed (``LiveRows``). A stream ends with its session; listening does not prolong that.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from orchestrator.api.common.feed import (
    MEDIA_TYPE,
    MOST_LISTENERS,
    SECONDS_BETWEEN_SIGNS,
    Feed,
    Listener,
    Right,
)
from orchestrator.api.common.head import is_head
from orchestrator.api.pages.inbox import Asked
from orchestrator.api.pages.page_route import PageRoute
from orchestrator.api.pages.rendering import fragment
from orchestrator.api.pages.rows import waiting_row
from orchestrator.api.pages.signed_in import Perhaps, SignedIn
from orchestrator.domain.permission import Permission
from orchestrator.domain.timeline import Entry
from orchestrator.domain.token import hash_of
from orchestrator.errors import Transient
from orchestrator.ports import EntryFilter, Ports
from orchestrator.usecases.reviews.find import ListedReview, listed
from orchestrator.usecases.reviews.lists import Wanted
from orchestrator.wire.paths import INBOX

live = APIRouter(prefix=INBOX, include_in_schema=False, route_class=PageRoute)

MOST_OF_ONE = 4
"""Streams of one session: browsers open six connections to a host, and pages want some as well."""

MOST_BEHIND = 2000
"""Lines of timelines that are read again for whoever was away; beyond, the page is drawn anew."""

_KEPT = 500

_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass
class Reading:
    """The reviews of an execution as they are, and their rows, each made once for each person."""

    reviews: tuple[ListedReview, ...]
    now: datetime
    _made: dict[tuple[str, str | None], str] = field(default_factory=dict)

    def row(self, found: ListedReview, person: str | None) -> str:
        """The HTML of a row."""
        key = (found.id, person)
        if key not in self._made:
            shown = waiting_row(found, person, self.now)
            self._made[key] = fragment("waiting_row.html", row=shown)
        return self._made[key]


class LiveRows:
    """What waits, read once for all who listen. All methods belong to one event loop."""

    def __init__(self, ports: Ports, feed: Feed) -> None:
        self._ports = ports
        self.feed = feed
        self._read: OrderedDict[str, tuple[int, asyncio.Task[Reading]]] = OrderedDict()
        self._streams: defaultdict[str, list[Listener]] = defaultdict(list)

    async def of(self, execution_id: str) -> Reading:
        """The reviews of an execution, no older than what was passed on."""
        number, task = self._read.get(execution_id, (-1, None))
        if task is None or number < self.feed.passed_on or _has_failed(task):
            task = asyncio.create_task(asyncio.to_thread(self._look, execution_id))
            self._read[execution_id] = (self.feed.passed_on, task)
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return await asyncio.shield(task)

    def _look(self, execution_id: str) -> Reading:
        now = self._ports.clock.now()
        read = self._ports.store.read
        return Reading(read(lambda tx: listed(tx, tx.reviews.of(execution_id))), now)

    def begin(self, listener: Listener) -> None:
        """Somebody listens; of too many of one session, the oldest is cut off."""
        streams = self._streams[listener.right.session or ""]
        streams.append(listener)
        if len(streams) > MOST_OF_ONE:
            streams.pop(0).cut_off()

    def end(self, listener: Listener) -> None:
        """Somebody listens no more."""
        session = listener.right.session or ""
        left = [each for each in self._streams[session] if each is not listener]
        self._streams[session] = left
        if not left:
            del self._streams[session]


def _has_failed(task: asyncio.Task[Reading]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


@live.get("/events")
def events(
    request: Request,
    found: Perhaps,
    sought: Asked,
    after: Annotated[int, Query(ge=0)] = 0,
    last: Annotated[int | None, Header(alias="Last-Event-ID", ge=0)] = None,
) -> Response:
    """The rows of a list that was drawn when the timelines had come to ``after``."""

    def listen(signed: SignedIn) -> Stream:
        seen = after if last is None else last
        return _ListStream(request.app.state.live_rows, signed, sought.wanted(signed), seen)

    return streamed(request, found, listen)


def streamed(
    request: Request, found: SignedIn | None, listen: Callable[[SignedIn], Stream]
) -> Response:
    """Answer with a stream. Raises Transient where too many listen, and what ``listen`` raises.

    Whoever is not signed in is told so in the stream: browsers would try again for ever otherwise.
    """
    if found is None or is_head(request):
        return Response(event("ended", {}), media_type=MEDIA_TYPE, headers=_UNBUFFERED)
    feed: Feed = request.app.state.feed
    if feed.listeners >= MOST_LISTENERS:
        raise Transient("Too many listen already. Try again shortly.")
    lines = listen(found).lines()
    return StreamingResponse(lines, media_type=MEDIA_TYPE, headers=_UNBUFFERED)


class Stream(ABC):
    """What one page is told, by one feed for all."""

    def __init__(self, rows: LiveRows, signed: SignedIn, entries: EntryFilter) -> None:
        self._rows = rows
        self._signed = signed
        self._entries = entries
        self._right = Right(session=hash_of(signed.secret))

    @abstractmethod
    def _at_first(self, listener: Listener, now: int) -> AsyncIterator[str]:
        """What is told to who begins to listen, when the feed has come to that number."""

    @abstractmethod
    def _of(self, entries: Sequence[Entry], number: int) -> AsyncIterator[str]:
        """What these entries come to; the last one has that number."""

    async def lines(self) -> AsyncIterator[str]:
        """All that the page is told, until its session ends or it leaves."""
        async with self._rows.feed.listen(self._entries, self._right) as (listener, now):
            self._rows.begin(listener)
            try:
                yield ": listening\n\n"
                async for line in self._at_first(listener, now):
                    yield line
                while not listener.is_cut_off:
                    heard = await listener.next(SECONDS_BETWEEN_SIGNS)
                    fresh = [heard, *listener.rest()] if heard else []
                    if not fresh:
                        yield ": still here\n\n"
                        continue
                    number = max(each.number or 0 for each in fresh)
                    async for line in self._of(fresh, number):
                        if listener.has_no_right:
                            break
                        yield line
                if not self._rows.feed.has_ended:  # else the page is to come again by itself
                    yield event("ended" if listener.has_no_right else "paused", {})
            finally:
                self._rows.end(listener)


class _ListStream(Stream):
    """The rows of a list that come, change and go."""

    def __init__(self, rows: LiveRows, signed: SignedIn, wanted: Wanted, last: int) -> None:
        super().__init__(rows, signed, EntryFilter(deployments=wanted.scope.names, reviews=True))
        self._wanted = wanted
        self._last = last

    async def _at_first(self, listener: Listener, now: int) -> AsyncIterator[str]:
        if now - self._last > MOST_BEHIND:
            yield event("behind", {}, now)
            self._last = now
        missed = [each async for each in self._rows.feed.replay(listener, self._last, now)]
        async for line in self._of(missed, now):
            yield line

    async def _of(self, entries: Sequence[Entry], number: int) -> AsyncIterator[str]:
        """The rows of the reviews that these entries tell of, as they are by now."""
        told_of = {each.subject_id for each in entries}
        for execution_id in dict.fromkeys(each.execution_id for each in entries):
            reading = await self._rows.of(execution_id)
            for each in reading.reviews:
                if self._is_wanted(each):
                    row = reading.row(each, self._signed.person)
                    yield event("row", {"id": each.id, "html": row}, number)
                elif (each.review.is_open or each.id in told_of) and self._is_theirs(each):
                    yield event("gone", {"id": each.id}, number)

    def _is_theirs(self, found: ListedReview) -> bool:
        """Whether they may know of it: they see its deployment, or are asked in it, or were."""
        visitor = self._signed.visitor
        is_known = any(each.address == self._signed.person for each in found.recipients)
        return is_known or visitor.may(Permission.VIEW, found.review.deployment)

    def _is_wanted(self, found: ListedReview) -> bool:
        is_theirs = self._wanted.waits_for(found.recipients)
        return found.review.is_open and is_theirs and self._wanted.matches(found.review)


def event(kind: str, data: dict[str, str], number: int | None = None) -> str:
    """A line of a stream; a browser that comes again says the number of the last one."""
    id_ = "" if number is None else f"id: {number}\n"
    return f"{id_}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
