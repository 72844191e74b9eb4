"""Endpoints: how receivers do, on and off, their secrets, and a ping."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.common.access import Manager, Viewer, Visitor
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.openapi import BODY, body_of, documented
from orchestrator.api.common.paging import Cursor, Limit, cut, position_of
from orchestrator.api.common.request_body import RawBody, parse_json
from orchestrator.api.v1.delivery_records import (
    EndpointPage,
    EndpointRecord,
    NewSecret,
    Pinged,
    endpoint_record,
    new_secret,
    pinged,
)
from orchestrator.usecases.webhooks.delivery_bodies import EndpointSettingsBody
from orchestrator.usecases.webhooks.endpoints import (
    EndpointSettings,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    ping_endpoint,
    read_endpoint,
    rotate_deployment_secret,
    rotate_endpoint_secret,
    set_up_endpoint,
)
from orchestrator.wire.ids import Id
from orchestrator.wire.requests import parse

endpoints = APIRouter(prefix="/v1/endpoints", tags=["endpoints"])
secrets = APIRouter(prefix="/v1/deployments", tags=["deployments"])

KeepOld = Annotated[
    int, Query(ge=0, le=30 * 86_400, description="Seconds that the secrets before it still sign.")
]
Reason = Annotated[str, Query(max_length=500, description="Why; whoever looks will read it.")]
OneDeployment = Annotated[str | None, Query(description="Only those of this deployment.")]
DAY = 86_400


@endpoints.get("", responses=documented(EndpointPage, 422), summary="List endpoints")
def list_page(
    visitor: Viewer,
    deployment: OneDeployment = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JsonResponse:
    """Newest first, with how they do."""
    scope = visitor.narrowed(deployment)
    found = list_endpoints(visitor.ports, scope, position_of(cursor), limit + 1)
    page, more = cut(found, limit)
    return JsonResponse({"endpoints": [endpoint_record(one) for one in page], **more})


@endpoints.get(
    "/{endpoint_id}", responses=documented(EndpointRecord, 404), summary="An endpoint's health"
)
def read_one(visitor: Viewer, endpoint_id: Id) -> JsonResponse:
    """Whether it is enabled, how it did lately, and how many deliveries wait there."""
    return _shown(visitor, endpoint_id)


@endpoints.post(
    "/{endpoint_id}/disable",
    responses=documented(EndpointRecord, 404, 422),
    summary="Send nothing there any more",
)
def disable(visitor: Manager, endpoint_id: Id, reason: Reason = "") -> JsonResponse:
    """What waits there is cancelled."""
    disable_endpoint(visitor.ports, endpoint_id, visitor.actor, reason, visitor.scope)
    return _shown(visitor, endpoint_id)


@endpoints.post(
    "/{endpoint_id}/enable", responses=documented(EndpointRecord, 404), summary="Send there again"
)
def enable(visitor: Manager, endpoint_id: Id) -> JsonResponse:
    """Its failures are forgotten. What was cancelled meanwhile stays so until it is replayed."""
    enable_endpoint(visitor.ports, endpoint_id, visitor.actor, visitor.scope)
    return _shown(visitor, endpoint_id)


@endpoints.put(
    "/{endpoint_id}/settings",
    responses=documented(EndpointRecord, 404, *BODY),
    openapi_extra=body_of(EndpointSettingsBody),
    summary="Replace an endpoint's settings",
)
def set_up(visitor: Manager, endpoint_id: Id, raw: RawBody) -> JsonResponse:
    """Whether a 4xx ends a delivery, and how many requests it may get at a time."""
    body = parse(EndpointSettingsBody, parse_json(raw))
    settings = EndpointSettings(body.stop_on_4xx, body.most_sends)
    set_up_endpoint(visitor.ports, endpoint_id, settings, visitor.actor, visitor.scope)
    return _shown(visitor, endpoint_id)


@endpoints.post(
    "/{endpoint_id}/rotate",
    responses=documented(NewSecret, 404, 422),
    summary="Make a new signing secret for an endpoint",
)
def rotate(visitor: Manager, endpoint_id: Id, keep_old: KeepOld = DAY) -> JsonResponse:
    """It is told this once."""
    kept = timedelta(seconds=keep_old)
    rotated = rotate_endpoint_secret(visitor.ports, endpoint_id, visitor.actor, kept, visitor.scope)
    return JsonResponse(new_secret(rotated))


@endpoints.post(
    "/{endpoint_id}/ping", responses=documented(Pinged, 404, 409), summary="Send a test request"
)
def ping(visitor: Manager, endpoint_id: Id) -> JsonResponse:
    """Signed, once, now, whatever the endpoint's state; answers with what came of it."""
    result = ping_endpoint(visitor.ports, endpoint_id, visitor.actor, visitor.scope)
    return JsonResponse(pinged(result))


@secrets.post(
    "/{deployment}/rotate-secret",
    responses=documented(NewSecret, 404, 422),
    summary="Make a new signing secret for a deployment",
)
def rotate_for_all(visitor: Manager, deployment: str, keep_old: KeepOld = DAY) -> JsonResponse:
    """It signs for all endpoints of the deployment, and is told this once."""
    visitor.narrowed(deployment)
    kept = timedelta(seconds=keep_old)
    rotated = rotate_deployment_secret(visitor.ports, deployment, visitor.actor, kept)
    return JsonResponse(new_secret(rotated))


def _shown(visitor: Visitor, endpoint_id: str) -> JsonResponse:
    return JsonResponse(endpoint_record(read_endpoint(visitor.ports, endpoint_id, visitor.scope)))
