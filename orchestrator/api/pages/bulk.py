"""Decide on several reviews of the waiting list with one choice and the same words.

Each is answered as if it had been alone: in a transaction of its own, by the same rights, and only
if it still has the output that the list was drawn with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.pages.answer_form import Said, said_in
from orchestrator.api.pages.frame import framed
from orchestrator.api.pages.page_route import PageRoute, sign_in_first, told
from orchestrator.api.pages.review_page import answer_as
from orchestrator.api.pages.signed_in import Perhaps, SignedIn, require_own_origin
from orchestrator.domain.permission import Permission
from orchestrator.domain.review import Review
from orchestrator.errors import AlreadyAnswered, Invalid, NotEntitled, OrchestratorError
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.find import find_review
from orchestrator.wire.paths import INBOX
from orchestrator.wire.shown import one_line, plain

bulk = APIRouter(prefix=INBOX, include_in_schema=False, route_class=PageRoute)

MOST = 100
"""Reviews that are decided at once: a person has looked at each of them."""

_MOST_FIELDS = 1_000
"""Of a form that is read at all, so that its words can be given back."""

_OWN_ORIGIN = [Depends(require_own_origin)]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one of them."""

    review_id: str
    name: str
    text: str
    is_decided: bool


@bulk.post("/bulk", dependencies=_OWN_ORIGIN)
def decide_all(request: Request, ports: World, found: Perhaps, raw: RawBody) -> Response:
    """Answer each in turn, and tell what became of it."""
    pairs = _pairs(raw)
    said = said_in(dict(pairs))
    if found is None:
        return sign_in_first(request, said.written)
    chosen = list(dict.fromkeys(value for name, value in pairs if name == "review"))
    try:
        found.require_own(dict(pairs))
        _require_sense(chosen, said)
    except NotEntitled as refused:
        return told("Not decided", refused.message, HTTPStatus.FORBIDDEN, said.written)
    except Invalid as wrong:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return told("Nothing was decided", wrong.message, status, said.written)
    results = [_decide(ports, found, each, said) for each in chosen]
    left = [each for each in results if not each.is_decided]
    return framed(
        "bulk.html",
        ports,
        found,
        decided=[each for each in results if each.is_decided],
        left=left,
        written=plain(said.feedback, 20_000) if left else "",
    )


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Invalid(f"Select {MOST} reviews at most. Nothing was decided.") from error


def _require_sense(chosen: list[str], said: Said) -> None:
    """Raises Invalid."""
    if not chosen:
        raise Invalid("Select the reviews to decide on.")
    if len(chosen) > MOST:
        raise Invalid(f"Select {MOST} reviews at most; these are {len(chosen)}.")
    if not said.choice:
        raise Invalid("Choose an answer.")


def _decide(ports: Ports, found: SignedIn, chosen: str, said: Said) -> Result:
    """One of them; ``chosen`` is its id and the digest of the output that the list showed."""
    review_id, _, digest = chosen.partition(" ")
    try:
        review = find_review(ports, review_id, found.to(Permission.RESPOND).scope)
    except OrchestratorError as gone:
        return Result("", one_line(review_id, 50), gone.message, is_decided=False)
    try:
        if not digest:
            raise Invalid("It does not say which output was decided on.")
        response = answer_as(ports, found, review, replace(said, output_digest=digest))
    except AlreadyAnswered as lost:
        return _result(review, _who_won(lost, found), is_decided=False)
    except OrchestratorError as refused:
        return _result(review, refused.message, is_decided=False)
    return _result(review, str(response["message"]), is_decided=True)


def _who_won(lost: AlreadyAnswered, found: SignedIn) -> str:
    is_own = lost.winner.get("by") in {found.person, found.visitor.actor} - {None}
    return f"You have decided this one already. {lost.message}" if is_own else lost.message


def _result(review: Review, text: str, *, is_decided: bool) -> Result:
    name = f"{one_line(review.task_name, 160)} of {review.deployment}, round {review.round}"
    return Result(review.id, name, plain(text, 1_000), is_decided)
