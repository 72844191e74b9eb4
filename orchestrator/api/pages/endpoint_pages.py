"""Endpoints for operators: how they do, on and off, and sending again all that failed there."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.paging import position_of
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.pages.answer_form import fields_of
from orchestrator.api.pages.execution_pages import Narrowed, of_deployment
from orchestrator.api.pages.frame import framed
from orchestrator.api.pages.listing import (
    PAGE,
    Button,
    Cell,
    Line,
    List,
    cells,
    listing,
    page_of,
    text,
)
from orchestrator.api.pages.operations import DELIVERIES, AnId, Cursor
from orchestrator.api.pages.page_route import PageRoute, see_other
from orchestrator.api.pages.signed_in import Signed, SignedIn, require_own_origin
from orchestrator.api.v1.delivery_records import shown
from orchestrator.domain.endpoint import Endpoint
from orchestrator.domain.permission import Permission
from orchestrator.errors import Invalid
from orchestrator.ports import Ports
from orchestrator.usecases.webhooks.deliveries import (
    MOST_COUNTED,
    REPLAYED_AT_ONCE,
    failed_at,
    replay_failed,
)
from orchestrator.usecases.webhooks.endpoints import (
    EndpointReport,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
)
from orchestrator.wire.moment import iso
from orchestrator.wire.paths import INBOX
from orchestrator.wire.shown import moment

ENDPOINTS = f"{INBOX}/endpoints"

endpoint_pages = APIRouter(prefix=ENDPOINTS, include_in_schema=False, route_class=PageRoute)

_OWN_ORIGIN = [Depends(require_own_origin)]


@endpoint_pages.get("")
def show_all(
    ports: World, signed: Signed, deployment: Narrowed = "", cursor: Cursor = ""
) -> Response:
    """How receivers do, the newest first."""
    scope = signed.narrowed(deployment)
    found, more = page_of(list_endpoints(ports, scope, position_of(cursor or None), PAGE + 1))
    columns = ("Receiver", "Deployment", "State", "Waiting", "Last success", "Trouble")
    return listing(
        ports,
        signed,
        List(
            *("endpoints", "Endpoints", columns, [_line(signed, each) for each in found]),
            (of_deployment(ports, signed, deployment),),
            more,
        ),
    )


def _line(signed: SignedIn, report: EndpointReport) -> Line:
    endpoint = report.endpoint
    last = endpoint.health.last_success_at
    trouble = endpoint.trouble or endpoint.health.last_error
    what = "disable" if endpoint.is_enabled else "enable"
    may = signed.visitor.may(Permission.MANAGE, endpoint.deployment)
    acts = (Button(what.capitalize(), f"{ENDPOINTS}/{endpoint.id}/{what}"),) if may else ()
    return Line(
        cells(
            *(Cell(_name(endpoint), f"{ENDPOINTS}/{endpoint.id}"), endpoint.deployment),
            *(endpoint.state.value, report.waiting, moment(iso(last)) if last else "never"),
            trouble,
        ),
        acts,
    )


def _name(endpoint: Endpoint) -> str:
    return "(encrypted with another key)" if endpoint.is_sealed else text(shown(endpoint.url))


@endpoint_pages.get("/{endpoint_id}")
def show(ports: World, signed: Signed, endpoint_id: AnId) -> Response:
    """One of them: how it does, and what failed there."""
    return _shown(ports, signed, endpoint_id)


def _shown(ports: Ports, signed: SignedIn, endpoint_id: str, result: str = "") -> Response:
    report, failed = failed_at(ports, endpoint_id, signed.visitor.scope)
    endpoint = report.endpoint
    return framed(
        "endpoint.html",
        ports,
        signed,
        here="endpoints",
        id=endpoint.id,
        name=_name(endpoint),
        deployment=text(endpoint.deployment),
        state=endpoint.state.value,
        trouble=text(endpoint.trouble) if endpoint.trouble else None,
        facts=_facts(report),
        deliveries=f"{DELIVERIES}?state=&endpoint={endpoint.id}",
        failed=failed,
        says=f"{failed} or more" if failed == MOST_COUNTED else str(failed),
        most=REPLAYED_AT_ONCE if failed == MOST_COUNTED else None,
        is_enabled=endpoint.is_enabled,
        may_manage=signed.visitor.may(Permission.MANAGE, endpoint.deployment),
        result=result,
    )


def _facts(report: EndpointReport) -> dict[str, object]:
    endpoint, health = report.endpoint, report.endpoint.health
    facts = {
        "Waiting": str(report.waiting),
        "Last success": moment(iso(health.last_success_at)) or "never",
        "Last failure": moment(iso(health.last_failure_at)),
        "Fails since": moment(iso(health.failing_since)),
        "Last answer": health.last_status,
        "Last error": text(health.last_error) if health.last_error else None,
        "Left in peace until": moment(iso(health.quiet_until)),
        "Disabled": moment(iso(endpoint.disabled_at)),
    }
    return {name: value for name, value in facts.items() if value}


@endpoint_pages.post("/{endpoint_id}/disable", dependencies=_OWN_ORIGIN)
def disable(ports: World, signed: Signed, endpoint_id: AnId, raw: RawBody) -> Response:
    """Nothing is sent there any more; what waits there is cancelled."""
    signed.require_own(fields_of(raw))
    scope = signed.to(Permission.MANAGE).scope
    disable_endpoint(ports, endpoint_id, signed.visitor.actor, scope=scope)
    return see_other(ENDPOINTS)


@endpoint_pages.post("/{endpoint_id}/enable", dependencies=_OWN_ORIGIN)
def enable(ports: World, signed: Signed, endpoint_id: AnId, raw: RawBody) -> Response:
    """Its failures are forgotten."""
    signed.require_own(fields_of(raw))
    scope = signed.to(Permission.MANAGE).scope
    enable_endpoint(ports, endpoint_id, signed.visitor.actor, scope)
    return see_other(ENDPOINTS)


@endpoint_pages.post("/{endpoint_id}/replay", dependencies=_OWN_ORIGIN)
def replay_all(ports: World, signed: Signed, endpoint_id: AnId, raw: RawBody) -> Response:
    """Send again what failed there: perhaps a flood, so that it has to be said twice."""
    fields = fields_of(raw)
    signed.require_own(fields)
    scope = signed.to(Permission.MANAGE).scope
    if fields.get("sure") != "yes":
        raise Invalid("Tick that you are sure: the receiver gets everything that failed again.")
    replayed = replay_failed(ports, endpoint_id, signed.visitor.actor, scope)
    one = "delivery is" if replayed == 1 else "deliveries are"
    return _shown(ports, signed, endpoint_id, f"{replayed} {one} being sent again.")
