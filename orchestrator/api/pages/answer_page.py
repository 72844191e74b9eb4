"""The page that a mail links to: looking changes nothing, sending its form decides, once.

Once it is decided, the page offers to take the words back that were said by this link's holder.

The token in its address is the only right that is needed, and the only one that there is.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.errors import MEANINGS
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.pages.answer_form import (
    Said,
    answer_in,
    fields_of,
    is_to_be_seen_first,
    said_in,
    shown_earlier,
    shown_form,
)
from orchestrator.api.pages.page_route import LinkRoute
from orchestrator.api.pages.rendering import HEADERS, message, page
from orchestrator.api.pages.review_state import shown_closing
from orchestrator.domain.review import ReviewState
from orchestrator.errors import (
    AlreadyAnswered,
    AlreadyRead,
    Invalid,
    NotEntitled,
    OrchestratorError,
    OutputChanged,
)
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.find import earlier_rounds, reviewed_output
from orchestrator.usecases.reviews.reach import reach_of
from orchestrator.usecases.reviews.respond import (
    Holder,
    holder_of,
    may_take_back_as,
    respond_as,
    take_back_as,
)
from orchestrator.usecases.reviews.take_back_words import reader_of
from orchestrator.wire.paths import ANSWER_PAGES
from orchestrator.wire.shown import one_line

answer_page = APIRouter(prefix=ANSWER_PAGES, include_in_schema=False, route_class=LinkRoute)

Token = Annotated[str, Path(max_length=200)]
Chosen = Annotated[str, Query(max_length=1000)]

CHANNEL = "link"

_NOT_YOURS = "Not yours to decide"


@answer_page.get("/{token}")
def show(ports: World, token: Token, choice: Chosen = "") -> Response:
    """Programs that look at links before people do may open it as often as they like."""
    holder = holder_of(ports, token)
    if holder is None:
        return _unknown()
    if not holder.review.is_open:
        return _closed(ports, holder)
    if holder.recipient is not None and not holder.recipient.is_asked:
        return _not_asked(holder)
    if holder.refusal is not None:
        return message(_NOT_YOURS, holder.refusal)
    return _form(ports, holder, Said(choice=choice))


@answer_page.post("/{token}")
def act(ports: World, token: Token, raw: RawBody) -> Response:
    """Take the decision, or the words back; where it cannot be, what was written is given back."""
    holder = holder_of(ports, token)
    if holder is None:
        return _unknown()
    try:
        fields = fields_of(raw)
    except Invalid as wrong:
        return _form(ports, holder, Said(), fault=wrong)
    if "take_back" in fields:
        return _take_back(ports, holder, token)
    return _decide(ports, holder, token, said_in(fields))


def _decide(ports: Ports, holder: Holder, token: str, said: Said) -> Response:
    review = holder.review
    try:
        output = reviewed_output(ports, review)
        if review.is_open and is_to_be_seen_first(review, output, said):
            return _form(ports, holder, said, confirm=True)
        respond_as(ports, holder, answer_in(review, output, said), CHANNEL)
    except AlreadyAnswered as lost:
        return message("Already decided", lost.message, HTTPStatus.CONFLICT, said.written)
    except NotEntitled as refused:
        status = MEANINGS[NotEntitled].status
        return message(_NOT_YOURS, refused.message, status, said.written)
    except (Invalid, OutputChanged) as wrong:
        return _form(ports, holder, said, fault=wrong)
    return _back_to(token)


def _take_back(ports: Ports, holder: Holder, token: str) -> Response:
    try:
        take_back_as(ports, holder)
    except (AlreadyRead, NotEntitled, Invalid) as refused:
        status = MEANINGS[type(refused)].status
        return message("Not taken back", refused.message, status)
    return _back_to(token)


def _back_to(token: str) -> Response:
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": token})


def _form(
    ports: Ports,
    holder: Holder,
    said: Said,
    fault: OrchestratorError | None = None,
    *,
    confirm: bool = False,
) -> Response:
    review = holder.review
    return page(
        "answer.html",
        HTTPStatus.OK if fault is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        **shown_form(
            review,
            reviewed_output(ports, review),
            said,
            reach_of(ports, review),
            fault,
            most_bytes=ports.max_request_bytes,
            confirm=confirm,
        ),
        earlier=[shown_earlier(each) for each in earlier_rounds(ports, review)],
        reason=holder.recipient.reason if holder.recipient else None,
    )


def _unknown() -> Response:
    text = "This link leads to nothing: it is not whole, or its execution is gone."
    return message("Not found", text, HTTPStatus.NOT_FOUND)


_TITLES = {
    ReviewState.ANSWERED: "Decided",
    ReviewState.EXPIRED: "The time is over",
    ReviewState.WITHDRAWN: "Withdrawn",
}


def _closed(ports: Ports, holder: Holder) -> Response:
    review = holder.review
    return page(
        "decided.html",
        title=_TITLES[review.state],
        task_name=one_line(review.task_name, 200),
        deployment=review.deployment,
        round=review.round,
        closed=shown_closing(
            review, reader_of(ports, review), may_take_back=may_take_back_as(ports, holder)
        ),
    )


def _not_asked(holder: Holder) -> Response:
    recipient = holder.recipient
    if recipient is not None and recipient.decided_at is not None:
        return message("Thank you", "Your decision is taken. Others still have to decide.")
    to = recipient.delegated_to if recipient else None
    text = f"You handed this on to {to}." if to else "Others are asked instead of you."
    return message(_NOT_YOURS, text)
