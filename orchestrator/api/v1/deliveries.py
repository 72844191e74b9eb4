"""Deliveries: what arrived, what did not and why, and sending it again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from orchestrator.api.common.access import Manager, Viewer, Visitor
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import BODY, body_of, documented
from orchestrator.api.common.paging import Cursor, Limit, cut, position_of
from orchestrator.api.common.request_body import RawBody, parse_json
from orchestrator.api.v1.delivery_records import (
    DeliveryLine,
    DeliveryPage,
    DeliveryRecord,
    Replayed,
    delivery_line,
    delivery_record,
)
from orchestrator.domain.delivery import DeliveryState
from orchestrator.errors import Invalid
from orchestrator.ports import DeliveryFilter
from orchestrator.usecases.webhooks.deliveries import (
    list_deliveries,
    read_delivery,
    replay_deliveries,
    replay_delivery,
)
from orchestrator.usecases.webhooks.delivery_bodies import ReplayBody
from orchestrator.wire.ids import Id
from orchestrator.wire.requests import parse

deliveries = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])

Wanted = Annotated[str | None, Query(max_length=200)]
WantedId = Annotated[Id | None, Query(max_length=200)]


@deliveries.get("", responses=documented(DeliveryPage, 422), summary="List deliveries")
def list_page(  # noqa: PLR0913 - one parameter for each that the query takes
    visitor: Viewer,
    *,
    deployment: Wanted = None,
    execution_id: WantedId = None,
    endpoint_id: WantedId = None,
    state: DeliveryState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JsonResponse:
    """Newest first."""
    names = visitor.narrowed(deployment).names
    wanted = DeliveryFilter(names, execution_id, endpoint_id, state)
    found = list_deliveries(visitor.ports, wanted, position_of(cursor), limit + 1)
    page, more = cut(found, limit)
    return JsonResponse({"deliveries": [delivery_line(one) for one in page], **more})


@deliveries.post(
    "/replay",
    responses=documented(Replayed, *BODY),
    openapi_extra=body_of(ReplayBody),
    summary="Send many deliveries again",
)
def replay_many(visitor: Manager, raw: RawBody) -> JsonResponse:
    """Each gets the full schedule anew, under the id that it had."""
    wanted = _filter(visitor, parse_json(raw))
    return JsonResponse({"replayed": replay_deliveries(visitor.ports, wanted, visitor.actor)})


def _filter(visitor: Visitor, said: Any) -> DeliveryFilter:
    body = parse(ReplayBody, said)
    criteria = body.model_dump(exclude={"deployment"}, exclude_none=True)
    if not criteria and body.deployment is None:
        raise Invalid("Say which deliveries are meant.", {"body": "names nothing"})
    return DeliveryFilter(deployments=visitor.narrowed(body.deployment).names, **criteria)


@deliveries.get(
    "/{delivery_id}",
    responses=documented(DeliveryRecord, 404),
    summary="A delivery with all its tries",
)
def read_one(visitor: Viewer, delivery_id: Id) -> JsonResponse:
    """What was sent, when, how long it took, and how the receiver's answer begins."""
    found, tries = read_delivery(visitor.ports, delivery_id, visitor.scope)
    return JsonResponse(delivery_record(found, tries))


@deliveries.post(
    "/{delivery_id}/replay",
    responses=documented(DeliveryLine, 404, 409),
    summary="Send a delivery again",
)
def replay_one(visitor: Manager, delivery_id: Id) -> JsonResponse:
    """The full schedule anew, under the id that it had."""
    replayed = replay_delivery(visitor.ports, delivery_id, visitor.actor, visitor.scope)
    return JsonResponse(delivery_line(replayed))
