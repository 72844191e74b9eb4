"""The page of a review as it stands: who decides in it is told to all who have it open.

What they have written is theirs: the page is told what to say, and is not drawn anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.feed import Listener
from orchestrator.api.pages.live import LiveRows, Stream, event, streamed
from orchestrator.api.pages.page_route import PageRoute
from orchestrator.api.pages.rendering import fragment
from orchestrator.api.pages.review_page import ReviewId
from orchestrator.api.pages.review_state import shown_state
from orchestrator.api.pages.signed_in import Perhaps, SignedIn
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import Entry
from orchestrator.ports import EntryFilter, Ports
from orchestrator.usecases.reviews.find import find_review
from orchestrator.usecases.reviews.take_back_words import reader_of
from orchestrator.wire.paths import REVIEW_PAGES

live_review = APIRouter(prefix=REVIEW_PAGES, include_in_schema=False, route_class=PageRoute)


@live_review.get("/{review_id}/events")
def events(request: Request, ports: World, found: Perhaps, review_id: ReviewId) -> Response:
    """How the review stands, now and whenever that changes."""

    def listen(signed: SignedIn) -> Stream:
        review = find_review(ports, review_id, signed.visitor.scope)
        return _ReviewStream(ports, request.app.state.live_rows, signed, review)

    return streamed(request, found, listen)


class _ReviewStream(Stream):
    """How one review stands."""

    def __init__(self, ports: Ports, rows: LiveRows, signed: SignedIn, review: Review) -> None:
        super().__init__(rows, signed, EntryFilter(review.execution_id, reviews=True))
        self._ports = ports
        self._review = review
        self._told = ""

    async def _at_first(self, _listener: Listener, now: int) -> AsyncIterator[str]:
        """Whatever came since the page was drawn."""
        async for line in self._of((), now):
            yield line

    async def _of(self, _entries: Sequence[Entry], number: int) -> AsyncIterator[str]:
        reading = await self._rows.of(self._review.execution_id)
        for found in reading.reviews:
            if found.id == self._review.id:
                review = found.review
                reader = await asyncio.to_thread(reader_of, self._ports, review)
                state = shown_state(review, found.recipients, reader, self._signed, reading.now)
                html = fragment("review_state.html", csrf=self._signed.csrf, **state)
                if html != self._told:
                    self._told = html
                    yield event("state", {"html": html}, number)
