"""Sign in to the inbox, by a link in a mail or with an API token, and out again."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.common.request_body import RawBody
from orchestrator.api.pages.answer_form import fields_of
from orchestrator.api.pages.page_route import PageRoute, see_other, told
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.api.pages.signed_in import (
    Signed,
    delete_cookie,
    is_secure,
    require_own_origin,
    session_secret,
    set_cookie,
)
from orchestrator.domain.person import address_of
from orchestrator.errors import Unauthorized
from orchestrator.ports import Ports
from orchestrator.usecases.access import sessions
from orchestrator.usecases.access.sign_in_links import (
    ask_for_link,
    can_send_links,
    look_at_link,
    use_link,
)
from orchestrator.wire.paths import INBOX, SIGN_IN

sign_in = APIRouter(include_in_schema=False, route_class=PageRoute)

_OURS = re.compile(re.escape(INBOX) + r"(/[A-Za-z0-9-]+)*")

Next = Annotated[str, Query(alias="next", max_length=200)]
LinkSecret = Annotated[str, Path(max_length=100)]
_OWN_ORIGIN = [Depends(require_own_origin)]


@sign_in.get(SIGN_IN)
def ask(ports: World, next_: Next = "") -> Response:
    """Ask who it is."""
    return _form(ports, next_)


@sign_in.post(f"{SIGN_IN}/mail", dependencies=_OWN_ORIGIN)
def mail_a_link(ports: World, raw: RawBody) -> Response:
    """Have a link sent: the page is the same whoever may sign in."""
    fields = fields_of(raw)
    wanted, written = fields.get("next", ""), fields.get("address", "")
    address = address_of(written)
    if address is None:
        return _form(ports, wanted, f"{written!r} is no mail address such as ann@example.com.")
    if not can_send_links(ports):
        return _form(ports, wanted, "No mail is sent here: sign in with a token.")
    ask_for_link(ports, address, led_to(wanted))
    return told(
        "Look into your mail",
        f"If {address} may sign in here, a mail with a link is on its way. The link works once, "
        "for 15 minutes.",
    )


@sign_in.get(f"{SIGN_IN}/{{secret}}")
def show_link(ports: World, secret: LinkSecret) -> Response:
    """Ask whether it is wanted: whatever looks at links in mails signs nobody in."""
    try:
        link = look_at_link(ports, secret)
    except Unauthorized:
        return _dead_link()
    return page("sign_in_by_link.html", headers=HEADERS_OF_FORMS, address=link.address)


@sign_in.post(f"{SIGN_IN}/{{secret}}", dependencies=_OWN_ORIGIN)
def begin_by_link(
    request: Request,
    ports: World,
    secret: LinkSecret,
    before: Annotated[str | None, Depends(session_secret)],
) -> Response:
    """Begin a session of the person to whom the link was sent."""
    try:
        link, session = use_link(ports, secret, instead_of=before)
    except Unauthorized:
        return _dead_link()
    return signed_in(request, ports, session, link.leads_to)


def _dead_link() -> Response:
    text = "This link was used already, or its time is over. Ask for another one."
    return told("Not signed in", text, HTTPStatus.GONE)


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
        return _form(ports, wanted, "This is no token, or it was revoked.")
    return signed_in(request, ports, secret, wanted)


def signed_in(request: Request, ports: Ports, session: str, wanted: str) -> Response:
    """Give the browser its session, and lead to where the person wanted to go."""
    response = see_other(led_to(wanted))
    set_cookie(response, session, secure=is_secure(request, ports))
    return response


def led_to(wanted: str) -> str:
    """A page of ours, the list where that is none."""
    return wanted if _OURS.fullmatch(wanted) and not wanted.startswith(SIGN_IN) else INBOX


@sign_in.post(f"{INBOX}/sign-out", dependencies=_OWN_ORIGIN)
def end(request: Request, ports: World, signed: Signed, raw: RawBody) -> Response:
    """End the session, for the server and the browser."""
    signed.require_own(fields_of(raw))
    sessions.sign_out(ports, signed.secret)
    response = see_other(SIGN_IN)
    delete_cookie(response, secure=is_secure(request, ports))
    return response


def _form(ports: Ports, next_: str, fault: str | None = None) -> Response:
    status = HTTPStatus.OK if fault is None else HTTPStatus.UNAUTHORIZED
    issuer = ports.sign_on.name if ports.sign_on else None
    shown = {"fault": fault, "next": next_, "by_mail": can_send_links(ports), "issuer": issuer}
    return page("sign_in.html", status, HEADERS_OF_FORMS, **shown)
