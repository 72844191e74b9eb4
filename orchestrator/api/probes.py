"""What load balancers and supervisors ask, without a token."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from orchestrator.api.common.access import World
from orchestrator.api.common.json_response import JsonAnswer
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
async def ready(ports: World) -> JsonAnswer:
    """Every deployment was loaded, and a crew worker consumes."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_THREADS, copy_context().run, health, ports)
    status = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    body = {
        "status": "ok" if found.is_ready else "unavailable",
        "message": _message(found),
        "not_loaded": list(found.not_loaded),
        "crew_workers": list(found.crew_workers),
    }
    return JsonAnswer(body, status)


def _message(found: Health) -> str:
    missing = []
    if found.not_loaded:
        missing.append(f"No crew worker has loaded: {', '.join(found.not_loaded)}.")
    if not found.crew_workers:
        missing.append("No crew worker was seen lately.")
    return " ".join(missing) or "Ready."
