"""Puts the API together."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from orchestrator.api.common.access import path_names_deployment
from orchestrator.api.common.admission import AdmissionMiddleware
from orchestrator.api.common.errors import HANDLERS
from orchestrator.api.common.feed import Feed
from orchestrator.api.common.head import HeadAsGet
from orchestrator.api.common.lenient_path import LenientPath
from orchestrator.api.common.openapi import DescribedApp
from orchestrator.api.common.request_log import HEADER, RequestLog, bind_path_ids
from orchestrator.api.metrics import exposition
from orchestrator.api.platform.calls import calls, healthy
from orchestrator.api.platform.respond import callback
from orchestrator.api.probes import probes
from orchestrator.api.v1.analytics import review_analytics
from orchestrator.api.v1.assignment import absences, assignment
from orchestrator.api.v1.audit import audit
from orchestrator.api.v1.checkpoints import checkpoints
from orchestrator.api.v1.deliveries import deliveries
from orchestrator.api.v1.deployments import deployments
from orchestrator.api.v1.endpoints import endpoints, secrets
from orchestrator.api.v1.events import events
from orchestrator.api.v1.executions import executions
from orchestrator.api.v1.inbound import inbound
from orchestrator.api.v1.mails import mails
from orchestrator.api.v1.messages import messages
from orchestrator.api.v1.reviews import reviews
from orchestrator.api.v1.steering import steering
from orchestrator.ports import Ports

PAGES = "orchestrator.api.site"
"""The module that imports the pages: by name, so that nothing else has to wait for it."""

_DESCRIPTION = """Crews that stop, ask a person, and carry on exactly once.

The calls of a deployment stand under `/crews/{deployment}`; those of the default deployment are
also served at the root of the host."""


def create_app(
    ports: Ports,
    *,
    max_request_bytes: int,
    max_waiting_requests: int = 100,
    metrics_public: bool = False,
    cors_origins: Sequence[str] = (),
    operator: str | None = None,
) -> FastAPI:
    """Make the ASGI app.

    A body of more than ``max_request_bytes`` is refused with 413, and a request that finds
    ``max_waiting_requests`` waiting with 503. ``metrics_public`` lets anybody read ``/metrics``.
    Pages of the ``cors_origins`` may call from a browser. Where an ``operator`` is named, every
    call is theirs, without a token: only for an app that no socket serves.
    """
    with_pages = operator is None  # commands need not wait for what draws them
    app = DescribedApp(
        title="Crew Orchestrator",
        description=_DESCRIPTION,
        version=version("crew-orchestrator"),
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would lose the body, and trust the Host header
        exception_handlers=HANDLERS,
        routes=_routes(with_pages=with_pages),
    )
    app.state.ports = ports
    app.state.max_request_bytes = max_request_bytes
    app.state.metrics_public = metrics_public
    app.state.operator = operator
    app.state.feed = Feed(ports)
    app.add_middleware(HeadAsGet)
    app.add_middleware(AdmissionMiddleware, most_waiting=max_waiting_requests)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            expose_headers=["Retry-After", HEADER],
        )
    if operator is None:  # else what fails is the caller's to see
        app.add_middleware(RequestLog, ids=ports.ids)
    app.add_middleware(LenientPath)  # the outermost: all others see the path that is meant
    if with_pages:
        importlib.import_module(PAGES).keep_live_rows(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


@functools.cache
def _routes(*, with_pages: bool) -> list[BaseRoute]:
    """The routes of all apps of this process: FastAPI then reads each function once."""
    named = [Depends(path_names_deployment)]
    base = "/crews/{deployment}"
    every = APIRouter(
        generate_unique_id_function=_operation_id, dependencies=[Depends(bind_path_ids)]
    )
    # Routers are tried in this order, so what is called most comes first.
    every.include_router(calls, prefix=base, dependencies=named, tags=["crews"])
    for router in (
        deliveries,
        endpoints,
        secrets,
        probes,
        exposition,
        events,
        steering,
        checkpoints,
        executions,
        review_analytics,
        reviews,
        assignment,
        absences,
        deployments,
        messages,
        mails,
        inbound,
        audit,
        callback,
        *(importlib.import_module(PAGES).PAGES if with_pages else ()),
    ):
        every.include_router(router)
    every.add_api_route(base, healthy, dependencies=named, include_in_schema=False)
    every.include_router(calls, include_in_schema=False)  # the last: it takes almost any path
    return every.routes
