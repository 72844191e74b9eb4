"""Server-sent events: what happens to an execution, to a deployment, or to reviews, as it happens.

Each event has the number of its line in the timeline as id, so that a listener that sends
``Last-Event-ID`` misses nothing. A stream ends when its token is revoked.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response, StreamingResponse

from orchestrator.api.common.access import Viewer, Visitor
from orchestrator.api.common.feed import (
    MEDIA_TYPE,
    MOST_LISTENERS,
    SECONDS_BETWEEN_SIGNS,
    Feed,
    Right,
)
from orchestrator.api.common.head import is_head
from orchestrator.api.common.openapi import documented_as
from orchestrator.api.v1.records import entry_record
from orchestrator.domain.timeline import Entry
from orchestrator.errors import Transient
from orchestrator.ports import EntryFilter
from orchestrator.usecases.executions.find import find_execution
from orchestrator.wire.ids import Id

events = APIRouter(prefix="/v1", tags=["events"])

_FEED = documented_as(MEDIA_TYPE, 404, 422)

LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0)]


@events.get(
    "/executions/{execution_id}/events",
    response_class=Response,
    responses=_FEED,
    summary="Listen to an execution",
)
def of_execution(
    request: Request, visitor: Viewer, execution_id: Id, last: LastEventId = None
) -> Response:
    """What happens to one execution."""
    found = find_execution(visitor.ports, execution_id, visitor.scope)
    return _stream(request, visitor, EntryFilter(execution_id=found.id), last)


@events.get(
    "/deployments/{name}/events",
    response_class=Response,
    responses=_FEED,
    summary="Listen to a deployment",
)
def of_deployment(
    request: Request, visitor: Viewer, name: str, last: LastEventId = None
) -> Response:
    """What happens to the executions of one deployment."""
    scope = visitor.narrowed(name)
    visitor.ports.deployments.get(name)
    return _stream(request, visitor, EntryFilter(deployments=scope.names), last)


@events.get(
    "/reviews/events",
    response_class=Response,
    responses=_FEED,
    summary="Listen to reviews",
)
def of_reviews(request: Request, visitor: Viewer, last: LastEventId = None) -> Response:
    """The reviews that are opened, answered, expired or withdrawn."""
    return _stream(
        request, visitor, EntryFilter(deployments=visitor.scope.names, reviews=True), last
    )


def _stream(request: Request, visitor: Visitor, wanted: EntryFilter, last: int | None) -> Response:
    feed: Feed = request.app.state.feed
    if feed.listeners >= MOST_LISTENERS:
        raise Transient("Too many listen already. Try again shortly.")
    unbuffered = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if is_head(request):
        return Response(media_type=MEDIA_TYPE, headers=unbuffered)
    lines = _lines(feed, wanted, visitor.caller.token_id, last)
    return StreamingResponse(lines, media_type=MEDIA_TYPE, headers=unbuffered)


async def _lines(
    feed: Feed, wanted: EntryFilter, token_id: str, last: int | None
) -> AsyncIterator[bytes]:
    async with feed.listen(wanted, Right(token_id)) as (listener, now):
        yield b": listening\n\n"
        async for entry in feed.replay(listener, now if last is None else last, now):
            yield _event(entry)
        while not listener.is_cut_off:
            heard = await listener.next(SECONDS_BETWEEN_SIGNS)
            yield _event(heard) if heard else b": still here\n\n"


def _event(entry: Entry) -> bytes:
    """A lone surrogate, which has no UTF-8 form, goes out as its escape."""
    whose = {"execution_id": entry.execution_id, "deployment": entry.deployment}
    data = json.dumps({**whose, **entry_record(entry)}, ensure_ascii=False)
    event = f"id: {entry.number}\nevent: {entry.event}\ndata: {data}\n\n"
    return event.encode("utf-8", "backslashreplace")
