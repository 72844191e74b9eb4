"""The root of the host: a page for browsers, and for clients the platform's text."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.api.common.access import CrewCaller, Secret, World, find_crew, known_caller
from orchestrator.api.common.plain_page import is_for_browser, plain_page
from orchestrator.api.platform.calls import healthy
from orchestrator.api.probes import message_of, read_health
from orchestrator.domain.permission import Permission

front_page = APIRouter(include_in_schema=False)

_BODY = """\
<p>Runs CrewAI's crews and flows, halts where a person has to decide, and carries on once.</p>
<p><strong>{standing}</strong></p>
<ul>
<li><a href="/inbox">The inbox</a>: what waits for a person's decision</li>
<li><a href="/healthz">Health</a>, as load balancers read it</li>
<li><a href="/openapi.json">The calls</a>, as an OpenAPI document</li>
</ul>
<p>Every other call wants a token: <code>orchestrator token create NAME</code> makes one.</p>"""


@front_page.get("/")
async def at_the_root(request: Request, ports: World, secret: Secret) -> Response:
    """A page without a token's worth of knowledge, or the text ``Healthy`` of a deployment."""
    if is_for_browser(request.scope):
        standing = message_of(await read_health(ports))
        return plain_page("Crew Orchestrator", _BODY.format(standing=escape(standing)))
    return healthy(await run_in_threadpool(_crew_caller, request, secret))


def _crew_caller(request: Request, secret: str | None) -> CrewCaller:
    return find_crew(request, known_caller(request, secret), Permission.VIEW)
