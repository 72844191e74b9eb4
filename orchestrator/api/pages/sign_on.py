"""Sign in to the inbox with an issuer of OpenID Connect: there, and back.

What is compared on the way back waits in a cookie of the browser that went: no other browser can
end what it began.
"""

from __future__ import annotations

import hmac
import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from orchestrator.api.common.access import World, base_url
from orchestrator.api.pages.page_route import PageRoute, told
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.api.pages.sign_in import Next, led_to, signed_in
from orchestrator.api.pages.signed_in import is_secure, require_own_origin, session_secret
from orchestrator.domain.canonical import is_storable
from orchestrator.errors import NotFound, Unauthorized
from orchestrator.ports import Attempt, Ports, SignOn
from orchestrator.usecases.access.sessions import sign_in_person
from orchestrator.wire.paths import SIGN_IN

sign_on = APIRouter(prefix=f"{SIGN_IN}/with", include_in_schema=False, route_class=PageRoute)

_COOKIE = "sign-on"
SECONDS = 600
"""How long somebody may take at the issuer's."""

_BACK = "/back"


@sign_on.post("", dependencies=[Depends(require_own_origin)])
def go(request: Request, ports: World, next_: Next = "") -> Response:
    """Lead to the issuer, and remember what was begun.

    By a page: browsers do not follow a redirect of a form to where ``form-action`` forbids forms.
    """
    issuer = _issuer(ports)
    try:
        attempt = issuer.begin(_back_to(request, ports))
    except Unauthorized as refused:
        return told("Not signed in", refused.message, 401)
    kept = [attempt.state, attempt.nonce, attempt.verifier, led_to(next_)]
    response = page("to_issuer.html", headers=HEADERS_OF_FORMS, url=attempt.url, issuer=issuer.name)
    response.set_cookie(
        _name(request, ports),
        json.dumps(kept).encode().hex(),
        max_age=SECONDS,
        path="/",
        secure=is_secure(request, ports),
        httponly=True,
        samesite="lax",
    )
    return response


@sign_on.get(_BACK)
def come_back(
    request: Request,
    ports: World,
    before: Annotated[str | None, Depends(session_secret)],
    code: Annotated[str, Query(max_length=4096)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Begin a session of whoever the issuer says it is."""
    issuer = _issuer(ports)
    kept = _kept(request.cookies.get(_name(request, ports), ""))
    if kept is None or not code or not hmac.compare_digest(kept[0].encode(), state.encode()):
        text = "This sign-on was not begun in this browser, or took too long. Begin it again."
        return _forgotten(request, ports, told("Not signed in", text, 401))
    begun_state, nonce, verifier, wanted = kept
    attempt = Attempt("", begun_state, nonce, verifier)
    try:
        person = issuer.finish(_back_to(request, ports), code, attempt)
    except Unauthorized as refused:
        return _forgotten(request, ports, told("Not signed in", refused.message, 401))
    session = sign_in_person(ports, person, instead_of=before)
    return _forgotten(request, ports, signed_in(request, ports, session, wanted))


def _issuer(ports: Ports) -> SignOn:
    if ports.sign_on is None:
        raise NotFound("Nobody signs in with OpenID Connect here.")
    return ports.sign_on


def _back_to(request: Request, ports: Ports) -> str:
    return f"{base_url(request, ports)}{sign_on.prefix}{_BACK}"


def _name(request: Request, ports: Ports) -> str:
    return f"__Host-{_COOKIE}" if is_secure(request, ports) else _COOKIE


def _kept(cookie: str) -> list[str] | None:
    """State, nonce, verifier and where to go then; None for what we did not write."""
    try:
        kept = json.loads(bytes.fromhex(cookie))
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(kept, list) and [type(each) for each in kept] == [str] * 4
    return kept if is_ours and all(map(is_storable, kept)) else None


def _forgotten(request: Request, ports: Ports, response: Response) -> Response:
    """What was begun counts once."""
    secure = is_secure(request, ports)
    response.delete_cookie(
        _name(request, ports), path="/", secure=secure, httponly=True, samesite="lax"
    )
    return response
