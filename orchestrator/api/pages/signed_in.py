"""Who is signed in, by the cookie of a browser; and whether a form comes from a page of ours."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.responses import Response

from orchestrator.api.common.access import Caller, Visitor, World
from orchestrator.domain.permission import Permission, Scope
from orchestrator.errors import NotEntitled, NotFound, Unauthorized
from orchestrator.ports import Ports
from orchestrator.usecases.access import sessions

CHANNEL = "inbox"

_COOKIE = "inbox"
_SECURE_COOKIE = f"__Host-{_COOKIE}"
"""Browsers take one of that name over TLS alone, for this host and from nobody else."""

_OWN = ("same-origin", "none")
"""What Sec-Fetch-Site says of a request of a page of ours, or of the person in person."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody with a session, and as whom the pages address them."""

    visitor: Visitor
    name: str
    secret: str = field(repr=False)

    @property
    def person(self) -> str | None:
        """The address of whoever it is, None where they signed in with nobody's own token."""
        return self.visitor.person

    @property
    def manages(self) -> bool:
        """Whether there is a deployment that they may manage."""
        return self.visitor.caller.rights.anywhere(Permission.MANAGE)

    def to(self, needed: Permission) -> Visitor:
        """The same, about to do something for which that permission is needed.

        What is not theirs is not there for them; what they may see alone they may not change.
        """
        return replace(self.visitor, needed=needed)

    def narrowed(self, deployment: str, needed: Permission = Permission.VIEW) -> Scope:
        """Where they may do that, or one deployment of these; empty: all of them.

        Raises NotFound, and NotEntitled where they may look there, and no more.
        """
        scope = self.to(needed).scope
        if not deployment:
            return scope
        scope.require(deployment, NotFound("There is no such deployment, or you may not see it."))
        return Scope.of(deployment)

    @property
    def csrf(self) -> str:
        """What each form of this session's pages carries, and nobody else knows."""
        return hmac.digest(self.secret.encode(), b"form", "sha256").hex()

    def require_own(self, fields: Mapping[str, str]) -> None:
        """Raises NotEntitled for a form that no page of this session had."""
        if not hmac.compare_digest(fields.get("csrf", "").encode(), self.csrf.encode()):
            raise NotEntitled(
                "This form is not from a page of the session in which you are signed in now. "
                "Nothing was done: open the page again."
            )


def session_secret(request: Request, ports: World) -> str | None:
    """The secret that the browser's cookie has."""
    return request.cookies.get(_SECURE_COOKIE if is_secure(request, ports) else _COOKIE)


def who_is_signed_in(
    ports: World, secret: Annotated[str | None, Depends(session_secret)]
) -> SignedIn | None:
    """Whoever has the cookie of a live session."""
    found = sessions.who_is_signed_in(ports, secret)
    if found is None or secret is None:
        return None
    caller = Caller(found.rights, found.actor, CHANNEL, found.token_id)
    return SignedIn(Visitor(ports, caller), found.name, secret)


Perhaps = Annotated[SignedIn | None, Depends(who_is_signed_in)]


def _required(found: Perhaps) -> SignedIn:
    """Raises Unauthorized."""
    if found is None:
        raise Unauthorized
    return found


Signed = Annotated[SignedIn, Depends(_required)]


def set_cookie(response: Response, secret: str, *, secure: bool) -> None:
    """Give the browser the secret of its session, until it is closed."""
    name = _SECURE_COOKIE if secure else _COOKIE
    response.set_cookie(name, secret, path="/", secure=secure, httponly=True, samesite="lax")


def delete_cookie(response: Response, *, secure: bool) -> None:
    """Take it away again."""
    name = _SECURE_COOKIE if secure else _COOKIE
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")


def is_secure(request: Request, ports: Ports) -> bool:
    """Whether browsers come over TLS, perhaps to a proxy that speaks without it to us."""
    return "https" in (request.url.scheme, urlsplit(ports.public_url or "").scheme)


async def require_own_origin(request: Request, ports: World) -> None:
    """Raises NotEntitled for a form that a page of elsewhere sends."""
    site, origin = (request.headers.get(name) for name in ("sec-fetch-site", "origin"))
    own = {request.url.netloc.casefold(), urlsplit(ports.public_url or "").netloc.casefold()}
    is_from_own = origin is None or _host_of(origin) in own - {""}
    if not (is_from_own if site is None else site in _OWN):
        raise NotEntitled("This form was sent by a page of another site. Nothing was done.")


def _host_of(origin: str) -> str:
    """Empty for what is no origin."""
    try:
        return urlsplit(origin).netloc.casefold()
    except ValueError:
        return ""
