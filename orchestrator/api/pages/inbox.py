"""The inbox: what waits for a person, and what was decided."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.pages.page_route import PageRoute
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.api.pages.signed_in import Signed, SignedIn
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.review import Review
from orchestrator.errors import NotFound
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.find import ListedReview
from orchestrator.usecases.reviews.lists import Listing, Wanted, list_done, list_waiting
from orchestrator.wire.ids import Id
from orchestrator.wire.moment import iso
from orchestrator.wire.paths import INBOX
from orchestrator.wire.shown import moment, one_line

inbox = APIRouter(prefix=INBOX, include_in_schema=False, route_class=PageRoute)

After = Annotated[Id, Query(max_length=100)]
Narrowed = Annotated[str, Query(max_length=200)]

_LONGEST_LINE = 160


@inbox.get("")
def waiting(
    ports: World,
    signed: Signed,
    deployment: Narrowed = "",
    text: Narrowed = "",
    whose: Narrowed = "",
    after: After = "",
) -> Response:
    """What waits, the most urgent first: for the person, or of all that is visible."""
    is_mine = signed.person is not None and whose != "all"
    person = signed.person if is_mine else None
    wanted = Wanted(_scope(signed, deployment, mine=is_mine), person, text)
    found = list_waiting(ports, wanted, after or None)
    asked = {"deployment": deployment, "text": text, "whose": whose}
    now = ports.clock.now()
    return page(
        "waiting.html",
        headers=HEADERS_OF_FORMS,
        **_frame(ports, signed),
        **_paging(found, asked),
        rows=[_waiting(each, signed.person, now) for each in found.reviews],
        count=f"{len(found.reviews)}{'+' if found.more_after or after else ''}",
        asked=asked,
        is_mine=is_mine,
    )


@inbox.get("/done")
def done(ports: World, signed: Signed, deployment: Narrowed = "", after: After = "") -> Response:
    """What was decided, by whom, when and how; the last first."""
    found = list_done(ports, _scope(signed, deployment), after or None)
    asked = {"deployment": deployment}
    return page(
        "done.html",
        headers=HEADERS_OF_FORMS,
        **_frame(ports, signed),
        **_paging(found, asked),
        rows=[_done(each.review) for each in found.reviews],
        asked=asked,
    )


def _scope(signed: SignedIn, deployment: str, *, mine: bool = False) -> Scope:
    """Where to look: what waits for somebody who came by their address may be anywhere.

    Raises NotFound.
    """
    visible = signed.visitor.scope
    anywhere = mine and visible.person is not None
    if not deployment:
        return EVERYWHERE if anywhere else visible
    if not anywhere and deployment not in visible:
        raise NotFound("There is no such deployment, or you may not see it.")
    return Scope.of(deployment)


def _frame(ports: Ports, signed: SignedIn) -> dict[str, Any]:
    """What stands around each page of somebody who is signed in."""
    visible = signed.visitor.scope
    return {
        "who": signed.name,
        "csrf": signed.csrf,
        "is_person": signed.person is not None,
        "manages": signed.manages,
        "deployments": [name for name in ports.deployments.names() if name in visible],
    }


def _paging(found: Listing, asked: dict[str, str]) -> dict[str, Any]:
    given = {name: value for name, value in asked.items() if value}
    more = found.more_after and urlencode({**given, "after": found.more_after})
    return {"more": f"?{more}" if more else None}


def _waiting(listed: ListedReview, person: str | None, now: datetime) -> dict[str, Any]:
    review = listed.review
    asked = [each.address for each in listed.recipients if each.is_asked]
    return {
        **_known_by(review),
        "begins": one_line(review.question.message or listed.preview.text, _LONGEST_LINE),
        "age": age(now - review.created_at),
        "deadline": moment(iso(review.deadline_at)),
        "is_late": review.deadline_at is not None and review.deadline_at <= now,
        "others": [each for each in asked if each != person],
        "is_asked": person in asked,
        "claimed_by": review.holder(now),
    }


def _done(review: Review) -> dict[str, Any]:
    return {
        **_known_by(review),
        "decision": decision(review),
        "by": one_line(review.reviewer or review.actor or "nobody", _LONGEST_LINE),
        "at": moment(iso(review.closed_at)),
        "channel": review.channel,
        "words": one_line(review.words or "", _LONGEST_LINE),
    }


def _known_by(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "task_name": one_line(review.task_name, _LONGEST_LINE),
        "deployment": review.deployment,
        "round": review.round,
    }


def decision(review: Review) -> str:
    """What became of a closed review, in a word or two."""
    if review.outcome is not None:
        return one_line(review.outcome, _LONGEST_LINE)
    if review.approved is not None:
        edited = " an edited text" if review.edited_output_id else ""
        return f"approved{edited}" if review.approved else "changes wanted"
    return review.state.value.lower()


def age(since: timedelta) -> str:
    """How long something has waited, in its largest unit."""
    minutes = max(0, int(since.total_seconds() // 60))
    for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        count = minutes // size
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "just now"
