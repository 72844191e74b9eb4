"""Who decides in a review: claim it, hand it on, put it off, have others asked; who is away."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from orchestrator.api.common.access import Manager, Responder, Viewer, Visitor
from orchestrator.api.common.json_response import JsonResponse, without_nones
from orchestrator.api.common.openapi import BODY, body_of, documented
from orchestrator.api.common.request_body import RawBody, parse_json
from orchestrator.api.v1.record_models import ReviewRecord
from orchestrator.api.v1.records import review_record
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import Absence
from orchestrator.errors import Unauthorized
from orchestrator.usecases.reviews import absences as away
from orchestrator.usecases.reviews.claim import claim, release
from orchestrator.usecases.reviews.delegate import delegate
from orchestrator.usecases.reviews.find import who_is_asked
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.reassign import reassign
from orchestrator.usecases.reviews.reroute import reroute
from orchestrator.usecases.reviews.snooze import snooze
from orchestrator.usecases.reviews.take_back_words import TakeBack, take_back_words
from orchestrator.usecases.reviews.withdraw import withdraw
from orchestrator.wire.address import Address
from orchestrator.wire.assignment import (
    AbsenceBody,
    DelegateBody,
    PersonBody,
    ReassignBody,
    SnoozeBody,
    WithdrawBody,
)
from orchestrator.wire.ids import Id
from orchestrator.wire.moment import iso
from orchestrator.wire.requests import parse

assignment = APIRouter(prefix="/v1/reviews", tags=["reviews"])
absences = APIRouter(prefix="/v1/absences", tags=["reviews"])

_ANSWERS = documented(ReviewRecord, 403, 404, 409, *BODY)


class AbsenceRecord(BaseModel):
    """A person is away until then; ``to`` is asked instead."""

    address: str
    until: str
    to: str | None = None


class AbsenceList(BaseModel):
    """Who is away now."""

    absences: list[AbsenceRecord]


def _act(visitor: Visitor, review_id: str) -> Act:
    return Act(review_id, visitor.scope, visitor.actor)


def _shown(visitor: Visitor, review: Review) -> JsonResponse:
    return JsonResponse(review_record(review, who_is_asked(visitor.ports, review)))


@assignment.post(
    "/{review_id}/claim",
    responses=_ANSWERS,
    openapi_extra=body_of(PersonBody),
    summary="Claim a review",
)
def claim_review(visitor: Responder, review_id: Id, raw: RawBody) -> JsonResponse:
    """Whoever claims it has it to themselves, until they give it back or their time is up."""
    body = parse(PersonBody, parse_json(raw))
    who = visitor.acting(body.person)
    return _shown(visitor, claim(visitor.ports, _act(visitor, review_id), who))


@assignment.post(
    "/{review_id}/release",
    responses=_ANSWERS,
    openapi_extra=body_of(PersonBody),
    summary="Give a claimed review back",
)
def release_review(visitor: Responder, review_id: Id, raw: RawBody) -> JsonResponse:
    """Without a person, whoever has it."""
    body = parse(PersonBody, parse_json(raw))
    who = visitor.caller.person(body.person)
    return _shown(visitor, release(visitor.ports, _act(visitor, review_id), who))


@assignment.post(
    "/{review_id}/delegate",
    responses=_ANSWERS,
    openapi_extra=body_of(DelegateBody),
    summary="Hand a review on",
)
def delegate_review(visitor: Responder, review_id: Id, raw: RawBody) -> JsonResponse:
    """To somebody who decides in one's place."""
    body = parse(DelegateBody, parse_json(raw))
    who = visitor.acting(body.person)
    return _shown(visitor, delegate(visitor.ports, _act(visitor, review_id), who, body.to))


@assignment.post(
    "/{review_id}/snooze",
    responses=_ANSWERS,
    openapi_extra=body_of(SnoozeBody),
    summary="Put a review off",
)
def snooze_review(visitor: Responder, review_id: Id, raw: RawBody) -> JsonResponse:
    """No reminder before that time, and one at that time. No deadline moves."""
    body = parse(SnoozeBody, parse_json(raw))
    who = visitor.acting(body.person)
    return _shown(visitor, snooze(visitor.ports, _act(visitor, review_id), who, body.until))


@assignment.post(
    "/{review_id}/reassign",
    responses=_ANSWERS,
    openapi_extra=body_of(ReassignBody),
    summary="Have others asked instead",
)
def reassign_review(visitor: Manager, review_id: Id, raw: RawBody) -> JsonResponse:
    """Who was asked before may not decide any more; their mails are worth nothing."""
    body = parse(ReassignBody, parse_json(raw))
    return _shown(visitor, reassign(visitor.ports, _act(visitor, review_id), body.to))


@assignment.post(
    "/{review_id}/withdraw",
    responses=_ANSWERS,
    openapi_extra=body_of(WithdrawBody),
    summary="Take a question back",
)
def withdraw_review(visitor: Manager, review_id: Id, raw: RawBody) -> JsonResponse:
    """The execution fails with that reason; a retry asks anew."""
    body = parse(WithdrawBody, parse_json(raw))
    return _shown(visitor, withdraw(visitor.ports, _act(visitor, review_id), body.reason))


@assignment.post(
    "/{review_id}/take-back",
    responses=_ANSWERS,
    openapi_extra=body_of(PersonBody),
    summary="Take the words of an answer back",
)
def take_words_back(visitor: Responder, review_id: Id, raw: RawBody) -> JsonResponse:
    """Until a task has read them; the decision stays. 409 says which run has."""
    body = parse(PersonBody, parse_json(raw))
    visitor.caller.person(body.person)
    asked = TakeBack(_act(visitor, review_id), visitor.person, body.person)
    return _shown(visitor, take_back_words(visitor.ports, asked))


@assignment.post(
    "/{review_id}/reroute",
    responses=documented(ReviewRecord, 404, 409),
    summary="Follow the policy as it is now",
)
def reroute_review(visitor: Manager, review_id: Id) -> JsonResponse:
    """A change of the deployments' file reaches an open review in no other way."""
    return _shown(visitor, reroute(visitor.ports, _act(visitor, review_id)))


@absences.get("", responses=documented(AbsenceList), summary="Who is away")
def list_away(visitor: Viewer) -> JsonResponse:
    """By address. For tokens of all deployments; a person's own shows that person alone."""
    found = away.list_absences(visitor.ports)
    if visitor.scope.names is not None:
        if visitor.person is None:
            raise Unauthorized
        found = tuple(each for each in found if each.address == visitor.person)
    return JsonResponse({"absences": [_absence(each) for each in found]})


@absences.put(
    "/{address}",
    responses=documented(AbsenceRecord, 403, *BODY),
    openapi_extra=body_of(AbsenceBody),
    summary="Say that a person is away",
)
def begin(visitor: Responder, address: Address, raw: RawBody) -> JsonResponse:
    """``to`` is asked instead, or nobody. For tokens of all deployments, or a person's own."""
    body = parse(AbsenceBody, parse_json(raw))
    who = _may_say(visitor, address)
    absence = Absence(who, body.until, body.to)
    return JsonResponse(_absence(away.begin_absence(visitor.ports, absence, visitor.actor)))


@absences.delete(
    "/{address}",
    responses=documented(AbsenceList, 403, 404, 422),
    summary="Say that a person is back",
)
def end(visitor: Responder, address: Address) -> JsonResponse:
    """Returns who is still away."""
    away.end_absence(visitor.ports, _may_say(visitor, address), visitor.actor)
    return list_away(visitor)


def _may_say(visitor: Visitor, address: str) -> str:
    """Raises Unauthorized, and NotEntitled for somebody else's absence."""
    if visitor.scope.names is not None and visitor.person is None:
        raise Unauthorized
    return visitor.acting(address)


def _absence(absence: Absence) -> dict[str, str]:
    return without_nones(
        {"address": absence.address, "until": iso(absence.until), "to": absence.to}
    )
