"""What load balancers and supervisors ask, without a token."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus

from fastapi import APIRouter, Depends
from starlette.responses import PlainTextResponse

from orchestrator.api.common.access import World, path_names_deployment
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.responses import ServiceHealth
from orchestrator.usecases.operations.health import Health, health

probes = APIRouter(tags=["probes"])

_THREADS = ThreadPoolExecutor(2, "probes")
"""Probes have threads of their own: all others may be at work on calls."""


@probes.get("/livez", response_class=PlainTextResponse, summary="Whether this process answers")
async def live() -> PlainTextResponse:
    """It does: without the database, and without a thread of the pool that waits for one."""
    return PlainTextResponse("ok")


@probes.get(
    "/healthz",
    responses={200: {"model": ServiceHealth}, 503: {"model": ServiceHealth}},
    summary="Whether executions can be taken and carried on",
)
async def ready(ports: World) -> JsonResponse:
    """Every deployment was loaded and has a crew worker, and one of them at least can be used."""
    found = await read_health(ports)
    status = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    body = {
        "status": "ok" if found.is_ready else "unavailable",
        "message": message_of(found),
        "not_loaded": list(found.not_loaded),
        "broken": list(found.broken),
        "crew_workers": list(found.crew_workers),
    }
    return JsonResponse(body, status)


async def read_health(ports: World) -> Health:
    """How the service stands, read in a thread of the probes' own."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, copy_context().run, health, ports)


@probes.get(
    "/crews/{deployment}/healthcheck",  # noqa: FAST003 - all are asked the same
    dependencies=[Depends(path_names_deployment)],
    include_in_schema=False,
)
@probes.get("/healthcheck", include_in_schema=False)
async def checked() -> PlainTextResponse:
    """What some clients of the hosted platform ask before they begin; it needs no token there."""
    return PlainTextResponse("Healthy")


def message_of(found: Health) -> str:
    """What is missing, in a sentence or two."""
    missing = []
    if found.not_loaded:
        missing.append(f"No crew worker has loaded: {', '.join(found.not_loaded)}.")
    if not found.crew_workers:
        missing.append("No crew worker was seen lately.")
    elif found.unserved:
        missing.append(f"No crew worker consumes the queue: {', '.join(found.unserved)}.")
    ready = [] if missing or not found.loaded else ["Ready."]
    if found.broken:
        missing.append(
            f"Does not load: {', '.join(found.broken)} (`orchestrator deployments list` says why)."
        )
    return " ".join([*ready, *missing])
