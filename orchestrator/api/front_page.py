"""The root of the host: a page for browsers, and for clients the platform's text."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from orchestrator.api.common.access import CrewCaller, Secret, World, find_crew, known_caller
from orchestrator.api.platform.calls import healthy
from orchestrator.api.probes import message_of, read_health
from orchestrator.domain.permission import Permission

front_page = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Crew Orchestrator</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto }}
</style>
<h1>Crew Orchestrator</h1>
<p>Runs CrewAI's crews and flows, halts where a person has to decide, and carries on once.</p>
<p><strong>{standing}</strong></p>
<ul>
<li><a href="/inbox">The inbox</a>: what waits for a person's decision</li>
<li><a href="/healthz">Health</a>, as load balancers read it</li>
<li><a href="/openapi.json">The calls</a>, as an OpenAPI document</li>
</ul>
<p>Every other call wants a token: <code>orchestrator token create NAME</code> makes one.</p>
</html>
"""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Accept, Authorization",
}


@front_page.get("/")
async def at_the_root(request: Request, ports: World, secret: Secret) -> Response:
    """A page without a token's worth of knowledge, or the text ``Healthy`` of a deployment."""
    if secret is None and "text/html" in request.headers.get("accept", ""):
        standing = message_of(await read_health(ports))
        return HTMLResponse(_PAGE.format(standing=escape(standing)), headers=_HEADERS)
    return healthy(await run_in_threadpool(_crew_caller, request, secret))


def _crew_caller(request: Request, secret: str | None) -> CrewCaller:
    return find_crew(request, known_caller(request, secret), Permission.VIEW)
