"""Sign in to the inbox with an API token, and out again."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.pages.answer_form import fields_of
from orchestrator.api.pages.page_route import SIGN_IN, PageRoute, see_other
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.api.pages.signed_in import (
    Signed,
    delete_cookie,
    is_secure,
    require_own_origin,
    session_secret,
    set_cookie,
)
from orchestrator.errors import Unauthorized
from orchestrator.usecases.operations import sessions
from orchestrator.wire.paths import INBOX

sign_in = APIRouter(include_in_schema=False, route_class=PageRoute)

_OURS = re.compile(re.escape(INBOX) + r"(/[A-Za-z0-9-]+)*")

Next = Annotated[str, Query(alias="next", max_length=200)]
_OWN_ORIGIN = [Depends(require_own_origin)]


@sign_in.get(SIGN_IN)
async def ask(next_: Next = "") -> Response:
    """Ask for a token."""
    return _form(next_)


@sign_in.post(SIGN_IN, dependencies=_OWN_ORIGIN)
def begin(
    request: Request,
    ports: World,
    raw: RawBody,
    before: Annotated[str | None, Depends(session_secret)],
) -> Response:
    """Begin a session with a new secret, and lead to where the person wanted to go."""
    fields = fields_of(raw)
    wanted = fields.get("next", "")
    try:
        secret = sessions.sign_in(ports, fields.get("token", "").strip(), instead_of=before)
    except Unauthorized:
        return _form(wanted, "This is no token, or it was revoked.")
    response = see_other(wanted if _OURS.fullmatch(wanted) else INBOX)
    set_cookie(response, secret, secure=is_secure(request, ports))
    return response


@sign_in.post(f"{INBOX}/sign-out", dependencies=_OWN_ORIGIN)
def end(request: Request, ports: World, signed: Signed, raw: RawBody) -> Response:
    """End the session, for the server and the browser."""
    signed.require_own(fields_of(raw))
    sessions.sign_out(ports, signed.secret)
    response = see_other(SIGN_IN)
    delete_cookie(response, secure=is_secure(request, ports))
    return response


def _form(next_: str, fault: str | None = None) -> Response:
    status = HTTPStatus.OK if fault is None else HTTPStatus.UNAUTHORIZED
    return page("sign_in.html", status, HEADERS_OF_FORMS, fault=fault, next=next_)
