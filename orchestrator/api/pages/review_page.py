"""The page of one review in the inbox: all that is needed to decide, and the form that does."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.errors import MEANINGS
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.drawing.execution_graph import draw_execution
from orchestrator.api.pages.answer_form import (
    Said,
    answer_in,
    fields_of,
    is_to_be_seen_first,
    said_in,
    shown_earlier,
    shown_form,
    shown_stretch,
)
from orchestrator.api.pages.page_route import PageRoute, see_other, sign_in_first, told
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.api.pages.review_state import may_respond, shown_state
from orchestrator.api.pages.signed_in import Perhaps, Signed, SignedIn, require_own_origin
from orchestrator.api.pages.word_difference import Stretch, difference
from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.permission import Permission
from orchestrator.domain.person import address_of
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import Entry
from orchestrator.errors import (
    AlreadyAnswered,
    Invalid,
    NotEntitled,
    OrchestratorError,
    OutputChanged,
)
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.briefing import Briefing, briefing
from orchestrator.usecases.reviews.claim import claim, release
from orchestrator.usecases.reviews.delegate import delegate
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.find import find_review, reviewed_output
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.reach import reach_of
from orchestrator.usecases.reviews.respond import resume_body
from orchestrator.usecases.reviews.take_back_words import TakeBack, take_back_words
from orchestrator.wire.ids import Id
from orchestrator.wire.moment import iso
from orchestrator.wire.paths import REVIEW_PAGES
from orchestrator.wire.shown import moment, one_line, plain

review_page = APIRouter(prefix=REVIEW_PAGES, include_in_schema=False, route_class=PageRoute)

ReviewId = Annotated[Id, Path(max_length=100)]
_OWN_ORIGIN = [Depends(require_own_origin)]

_LONGEST_TEXT = 20_000
_BEGINNING = 1_000


@review_page.get("/{review_id}")
def show(ports: World, signed: Signed, review_id: ReviewId) -> Response:
    """Looking changes nothing."""
    return _page(ports, signed, briefing(ports, review_id, signed.visitor.scope), Said())


@review_page.post("/{review_id}", dependencies=_OWN_ORIGIN)
def decide(
    request: Request, ports: World, found: Perhaps, review_id: ReviewId, raw: RawBody
) -> Response:
    """Take the decision; where that cannot be, what was written is given back."""
    fields = fields_of(raw)
    said = said_in(fields)
    if found is None:
        return sign_in_first(request, said.written)
    visitor = found.to(Permission.RESPOND)
    try:
        found.require_own(fields)
        review = find_review(ports, review_id, visitor.scope)
        output = reviewed_output(ports, review)
        if review.is_open and is_to_be_seen_first(review, output, said):
            shown = briefing(ports, review_id, visitor.scope)
            return _page(ports, found, shown, said, confirm=True)
        answer_as(ports, found, review, said)
    except AlreadyAnswered as lost:
        return told("Already decided", lost.message, HTTPStatus.CONFLICT, said.written)
    except NotEntitled as refused:
        status = MEANINGS[NotEntitled].status
        return told("Not decided", refused.message, status, said.written)
    except (Invalid, OutputChanged) as wrong:
        return _page(ports, found, briefing(ports, review_id, visitor.scope), said, wrong)
    return see_other(f"{REVIEW_PAGES}/{review.id}")


def answer_as(ports: Ports, found: SignedIn, review: Review, said: Said) -> JsonObject:
    """Answer a review as whoever is signed in. Raises as ``answer`` does."""
    visitor = found.visitor
    body = resume_body(review, answer_in(review, reviewed_output(ports, review), said))
    given = Answer(review.deployment, body, visitor.actor, visitor.channel, identity=found.person)
    return answer(ports, given)


@review_page.post("/{review_id}/claim", dependencies=_OWN_ORIGIN)
def claim_review(ports: World, signed: Signed, review_id: ReviewId, raw: RawBody) -> Response:
    """Whoever claims it has it to themselves for a while."""
    signed.require_own(fields_of(raw))
    claim(ports, _act(signed, review_id), signed.visitor.acting(None))
    return see_other(f"{REVIEW_PAGES}/{review_id}")


@review_page.post("/{review_id}/release", dependencies=_OWN_ORIGIN)
def release_review(ports: World, signed: Signed, review_id: ReviewId, raw: RawBody) -> Response:
    """Others may claim it again."""
    signed.require_own(fields_of(raw))
    release(ports, _act(signed, review_id), signed.visitor.acting(None))
    return see_other(f"{REVIEW_PAGES}/{review_id}")


@review_page.post("/{review_id}/take-back", dependencies=_OWN_ORIGIN)
def take_words_back(ports: World, signed: Signed, review_id: ReviewId, raw: RawBody) -> Response:
    """What was said goes, unless a task has read it; the decision stays."""
    signed.require_own(fields_of(raw))
    take_back_words(ports, TakeBack(_act(signed, review_id), signed.person))
    return see_other(f"{REVIEW_PAGES}/{review_id}")


@review_page.post("/{review_id}/delegate", dependencies=_OWN_ORIGIN)
def delegate_review(ports: World, signed: Signed, review_id: ReviewId, raw: RawBody) -> Response:
    """To somebody who decides in one's place."""
    fields = fields_of(raw)
    signed.require_own(fields)
    to = address_of(fields.get("to", ""))
    if to is None:
        raise Invalid("Name a mail address, such as ann@example.com. Nothing was done.")
    delegate(ports, _act(signed, review_id), signed.visitor.acting(None), to)
    return see_other(f"{REVIEW_PAGES}/{review_id}")


def _act(signed: SignedIn, review_id: str) -> Act:
    return Act(review_id, signed.to(Permission.RESPOND).scope, signed.visitor.actor)


def _page(
    ports: Ports,
    signed: SignedIn,
    found: Briefing,
    said: Said,
    fault: OrchestratorError | None = None,
    *,
    confirm: bool = False,
) -> Response:
    review, person = found.review, signed.person
    asked = found.recipient(person)
    acts = may_respond(signed, review, found.recipients)
    holder = review.holder(ports.clock.now())
    reader = next((each for each in found.execution.runs if each.id == review.read_by), None)
    return page(
        "review.html",
        HTTPStatus.OK if fault is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        HEADERS_OF_FORMS,
        **shown_form(
            review,
            found.output,
            said,
            reach_of(ports, review),
            fault,
            most_bytes=ports.max_request_bytes,
            confirm=confirm,
        ),
        who=signed.name,
        csrf=signed.csrf,
        manages=signed.manages,
        earlier=[shown_earlier(each) for each in found.earlier],
        changes=_changes(found),
        reason=asked.reason if asked else None,
        **shown_state(review, found.recipients, reader, signed, ports.clock.now()),
        stream=f"{REVIEW_PAGES}/{review.id}/events" if review.is_open else None,
        is_asked=review.is_open and asked is not None and acts,
        has_claimed=holder is not None and holder == person,
        people=[_recipient(each) for each in found.recipients],
        inputs=_json(found.execution.execution.inputs),
        graph=draw_execution(found.execution.graph, "The execution so far"),
        committed={
            one_line(name, 200): plain(each.text, _BEGINNING)
            for name, each in found.committed.items()
        },
        usage={plain(name, 100): str(count) for name, count in found.usage.items()},
        timeline=[_entry(each) for each in found.timeline],
    )


def _changes(found: Briefing) -> list[Stretch] | None:
    """What is other than in the round before; None where there is none, or too much to compare."""
    if found.before is None:
        return None
    stretches = difference(found.before.raw, found.output.raw)
    return None if stretches is None else [shown_stretch(each) for each in stretches]


def _recipient(recipient: Recipient) -> dict[str, Any]:
    return {
        "address": recipient.address,
        "state": recipient.state.value.lower(),
        "reason": plain(recipient.reason, 200),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {"at": moment(iso(entry.at)), "event": entry.event, "by": plain(entry.actor, 200)}


def _json(data: JsonObject) -> str:
    return plain(json.dumps(data, indent=2, ensure_ascii=False), _LONGEST_TEXT)
