"""Operators' lists: deliveries, messages, mails, deployments, findings."""

from __future__ import annotations

from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.paging import position_of
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.pages.answer_form import fields_of
from orchestrator.api.pages.execution_pages import EXECUTIONS, Narrowed, of_deployment
from orchestrator.api.pages.listing import (
    PAGE,
    Button,
    Cell,
    Filter,
    Line,
    List,
    cells,
    listing,
    page_of,
)
from orchestrator.api.pages.page_route import PageRoute, see_other
from orchestrator.api.pages.signed_in import Signed, SignedIn, require_own_origin
from orchestrator.domain.delivery import DELIVERY, Delivery, DeliveryState
from orchestrator.domain.inbound_mail import MailState, StoredMail
from orchestrator.domain.intake import IntakeMessage, IntakeState
from orchestrator.domain.permission import Permission
from orchestrator.domain.person import LONGEST_ADDRESS
from orchestrator.errors import Invalid, NotEntitled
from orchestrator.ports import DeliveryFilter, MailFilter
from orchestrator.usecases.intake.mails import list_mails
from orchestrator.usecases.intake.messages import list_messages
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.finding import Finding
from orchestrator.usecases.operations.manifests import Described, described
from orchestrator.usecases.webhooks.deliveries import list_deliveries, replay_delivery
from orchestrator.wire.ids import Id
from orchestrator.wire.moment import iso
from orchestrator.wire.paths import INBOX
from orchestrator.wire.shown import moment

operations = APIRouter(prefix=INBOX, include_in_schema=False, route_class=PageRoute)

DELIVERIES = f"{INBOX}/deliveries"

Cursor = Annotated[str, Query(max_length=500)]
AnId = Annotated[Id, Path(max_length=100)]
_OWN_ORIGIN = [Depends(require_own_origin)]

S = TypeVar("S", DeliveryState, IntakeState, MailState)


@operations.get("/deliveries")
def deliveries(
    ports: World,
    signed: Signed,
    deployment: Narrowed = "",
    state: Narrowed = DeliveryState.EXHAUSTED.value,
    endpoint: Annotated[Id, Query(max_length=100)] = "",
    cursor: Cursor = "",
) -> Response:
    """What failed, the newest first; or what is in another state."""
    names = signed.narrowed(deployment).names
    meant = _one_of(DeliveryState, state) if state else None
    wanted = DeliveryFilter(names, None, endpoint or None, meant)
    found, more = page_of(list_deliveries(ports, wanted, position_of(cursor or None), PAGE + 1))
    columns = ("Made", "What", "Deployment", "Execution", "State", "Tries", "Why")
    choices = (
        of_deployment(ports, signed, deployment),
        Filter("state", "State", state, [each.value for each in DeliveryState]),
        Filter("endpoint", "Endpoint", endpoint),
    )
    lines = [_delivery(signed, each) for each in found]
    return listing(ports, signed, List("deliveries", "Deliveries", columns, lines, choices, more))


def _delivery(signed: SignedIn, found: Delivery) -> Line:
    may = signed.visitor.may(Permission.MANAGE, found.deployment)
    is_closed = DELIVERY.allows("replay", found.state)
    acts = (Button("Send again", f"{DELIVERIES}/{found.id}/replay"),) if may and is_closed else ()
    execution = Cell(found.execution_id, f"{EXECUTIONS}/{found.execution_id}")
    at = moment(iso(found.created_at))
    return Line(
        cells(
            *(at, found.kind, found.deployment, execution, found.state.value),
            *(found.attempts, found.reason),
        ),
        acts,
    )


@operations.post("/deliveries/{delivery_id}/replay", dependencies=_OWN_ORIGIN)
def replay(ports: World, signed: Signed, delivery_id: AnId, raw: RawBody) -> Response:
    """The full schedule anew, under the id that it had."""
    signed.require_own(fields_of(raw))
    scope = signed.to(Permission.MANAGE).scope
    found = replay_delivery(ports, delivery_id, signed.visitor.actor, scope)
    return see_other(f"{DELIVERIES}?state=&endpoint={found.endpoint_id}")


@operations.get("/messages")
def messages(
    ports: World, signed: Signed, deployment: Narrowed = "", state: Narrowed = ""
) -> Response:
    """The newest messages of producers, and what became of them."""
    scope = signed.narrowed(deployment, Permission.MANAGE)
    meant = _one_of(IntakeState, state) if state else None
    found = list_messages(ports, meant, scope, PAGE)
    columns = ("Received", "Message", "Job", "Deployment", "State", "Execution", "Why")
    choices = (
        of_deployment(ports, signed, deployment),
        Filter("state", "State", state, [each.value for each in IntakeState]),
    )
    lines = [_message(each) for each in found]
    note = f"The newest {PAGE} are shown." if len(found) == PAGE else ""
    return listing(ports, signed, List("messages", "Messages", columns, lines, choices, note=note))


def _message(found: IntakeMessage) -> Line:
    name = found.execution_id
    execution = Cell(name, f"{EXECUTIONS}/{name}") if name else None
    at = moment(iso(found.received_at))
    return Line(
        cells(at, found.id, found.job, found.deployment, found.state, execution, found.reason)
    )


@operations.get("/mails")
def mails(  # noqa: PLR0913 - one parameter for each that the query takes
    ports: World,
    signed: Signed,
    *,
    deployment: Narrowed = "",
    state: Narrowed = "",
    sender: Annotated[str, Query(max_length=LONGEST_ADDRESS)] = "",
    review: Annotated[Id, Query(max_length=100)] = "",
    cursor: Cursor = "",
) -> Response:
    """The mails that came in, the newest first, and what became of each."""
    names = signed.narrowed(deployment, Permission.MANAGE).names
    meant = _one_of(MailState, state) if state else None
    wanted = MailFilter(names, meant, sender.strip().casefold() or None, review or None)
    found, more = page_of(list_mails(ports, wanted, position_of(cursor or None), PAGE + 1))
    columns = ("Received", "From", "Deployment", "Review", "State", "Why")
    choices = (
        of_deployment(ports, signed, deployment),
        Filter("state", "State", state, [each.value for each in MailState]),
        Filter("sender", "From", sender),
        Filter("review", "Review", review),
    )
    lines = [_mail(each) for each in found]
    return listing(ports, signed, List("mails", "Mails", columns, lines, choices, more))


def _mail(found: StoredMail) -> Line:
    name = found.review_id
    review = Cell(name, f"{INBOX}/reviews/{name}") if name else None
    at = moment(iso(found.received_at))
    return Line(cells(at, found.sender, found.deployment, review, found.state.value, found.reason))


@operations.get("/deployments")
def deployments(ports: World, signed: Signed) -> Response:
    """Those that are declared, and why one does not load."""
    lines = [_deployment(each) for each in described(ports, signed.visitor.scope)]
    columns = ("Deployment", "Health", "Loaded", "Tasks", "Why")
    return listing(ports, signed, List("deployments", "Deployments", columns, lines))


def _deployment(found: Described) -> Line:
    name = Cell(found.name, f"{EXECUTIONS}?{urlencode({'deployment': found.name})}")
    manifest = found.manifest
    if manifest is None:
        return Line(cells(name, "not loaded", None, None, "No crew worker has loaded it yet."))
    plan, at = manifest.plan, moment(iso(manifest.written_at))
    health, tasks = ("ready", ", ".join(plan.names)) if plan else ("broken", None)
    return Line(cells(name, health, at, tasks, manifest.error))


@operations.get("/doctor")
def doctor(ports: World, signed: Signed) -> Response:
    """What is wrong comes first. Raises NotEntitled: it tells of the whole service."""
    if signed.to(Permission.MANAGE).scope.names is not None:
        raise NotEntitled("Doctor tells of all deployments: it needs the permission to manage all.")
    found = sorted(examine(ports), key=lambda each: not each.is_wrong)
    lines = [_finding(each) for each in found]
    columns = ("Check", "Finding", "What to do")
    return listing(ports, signed, List("doctor", "Doctor", columns, lines))


def _finding(found: Finding) -> Line:
    sign = "✗" if found.is_wrong else "✓"
    return Line(cells(f"{sign} {found.check}", found.says, found.mend))


def _one_of(states: type[S], text: str) -> S:
    """Raises Invalid."""
    try:
        return states(text)
    except ValueError:
        raise Invalid("There is no such state.") from None
