"""Who calls, and what their token is valid for. Checked before anything else is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from orchestrator.domain.timeline import person_actor, token_actor
from orchestrator.domain.token import Token
from orchestrator.errors import Invalid, NotEntitled, NotFound, Unauthorized
from orchestrator.ports import Ports
from orchestrator.usecases.operations.tokens import live_token

_bearer = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="A token of the deployment, or of all."
)


async def world(request: Request) -> Ports:
    """The ports that the app was created with."""
    ports: Ports = request.app.state.ports
    return ports


World = Annotated[Ports, Depends(world)]


async def _secret(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str | None:
    return credentials.credentials.strip() if credentials else None


Secret = Annotated[str | None, Depends(_secret)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: ``actor`` as the timeline says, ``channel`` as executions and answers do."""

    token: Token
    actor: str
    channel: str

    def person(self, named: str | None) -> str | None:
        """The address of whoever acts, None where it is not known.

        Raises NotEntitled where somebody else is named than the one whose token it is.
        """
        own = self.token.person
        if own is not None and named not in (None, own):
            raise NotEntitled(f"This token is {own}'s own: it cannot act for {named}")
        return own or named


def known_caller(request: Request, ports: World, secret: Secret) -> Caller:
    """Whoever holds a live token; or the operator of this machine, where the app is served to none.

    Raises Unauthorized.
    """
    operator: str | None = request.app.state.operator
    if operator is not None:
        return Caller(_OPERATOR, operator, "cli")
    token = live_token(ports, secret)
    actor = person_actor(token.person) if token.person else token_actor(token.name)
    return Caller(token, actor, "api")


_OPERATOR = Token("", "operator", "", None, datetime.fromtimestamp(0, UTC))
"""Stands for the right of whoever may read the database anyway."""

Known = Annotated[Caller, Depends(known_caller)]


@dataclass(frozen=True, slots=True)
class CrewCaller:
    """A caller of one deployment's own calls."""

    ports: Ports
    caller: Caller
    deployment: str

    @property
    def actor(self) -> str:
        """Who the timeline says it was."""
        return self.caller.actor

    @property
    def channel(self) -> str:
        """Where executions and answers that come through here come from."""
        return self.caller.channel


async def path_names_deployment(
    deployment: Annotated[str, Path(description="The deployment's name.")],
) -> None:
    """Declare the path's parameter; ``crew_caller`` reads it."""


def crew_caller(request: Request, ports: World, caller: Known) -> CrewCaller:
    """Find the deployment that the path names.

    At the root of the host that is the token's own, and only for a token of all the default one:
    clients that drop the path must not start another crew than theirs.
    """
    token = caller.token
    named = request.path_params.get("deployment")
    name = named or token.deployment or ports.deployments.default()
    if name is None:
        raise _no_default(request, ports)
    if not token.allows(name):
        raise Unauthorized
    ports.deployments.get(name)
    return CrewCaller(ports, caller, name)


def _no_default(request: Request, ports: Ports) -> NotFound:
    base = base_url(request, ports)
    urls = ", ".join(f"{base}/crews/{name}" for name in ports.deployments.names())
    return NotFound(f"No deployment is the default one here. Use one of: {urls or 'none'}")


def base_url(request: Request, ports: Ports) -> str:
    """How clients reach the API, without a slash at its end."""
    return ports.public_url or str(request.base_url).rstrip("/")


Crew = Annotated[CrewCaller, Depends(crew_caller)]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A caller of what spans deployments: sees those that the token is valid for."""

    ports: Ports
    caller: Caller

    @property
    def token(self) -> Token:
        """What lets the visitor in."""
        return self.caller.token

    @property
    def only(self) -> str | None:
        """The one deployment that is visible, None for all."""
        return self.token.deployment

    @property
    def actor(self) -> str:
        """Who the timeline says it was."""
        return self.caller.actor

    @property
    def channel(self) -> str:
        """Where executions and answers that come through here come from."""
        return self.caller.channel

    def acting(self, named: str | None) -> str:
        """The address of whoever acts. Raises Invalid where it is not known, and NotEntitled."""
        person = self.caller.person(named)
        if person is None:
            message = "Say in 'person' who does it: this token is nobody's own."
            raise Invalid(message, {"person": "is required"})
        return person

    def narrowed(self, deployment: str | None) -> str | None:
        """What remains visible where the caller asks for one deployment. Raises Unauthorized."""
        if deployment is None:
            return self.only
        if not self.token.allows(deployment):
            raise Unauthorized
        return deployment


def _visitor(ports: World, caller: Known) -> Visitor:
    return Visitor(ports, caller)


AnyVisitor = Annotated[Visitor, Depends(_visitor)]
