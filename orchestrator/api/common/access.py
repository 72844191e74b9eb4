"""Who calls, and what their token is valid for. Checked before anything else is read.

What asks the database is run in a thread; the rest is ``async``, since FastAPI sends all that is
not into a thread of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer

from orchestrator.domain.permission import Permission, Rights, Scope
from orchestrator.errors import Invalid, NotEntitled, NotFound, Unauthorized
from orchestrator.ports import Ports
from orchestrator.usecases.access.tokens import live_token


class _Bearer(HTTPBearer):
    """Gives the token of the ``Authorization`` header alone, None where there is none."""

    async def __call__(self, request: Request) -> str | None:  # type: ignore[override]  # narrower
        credentials = await super().__call__(request)
        return credentials.credentials.strip() if credentials else None


_bearer = _Bearer(
    auto_error=False, scheme_name="bearer", description="A token of the deployment, or of all."
)

Secret = Annotated[str | None, Depends(_bearer)]


def ports_of(request: Request) -> Ports:
    """The ports that the app was created with."""
    ports: Ports = request.app.state.ports
    return ports


async def _world(request: Request) -> Ports:
    return ports_of(request)


World = Annotated[Ports, Depends(_world)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: ``actor`` as the timeline says, ``channel`` as executions and answers do.

    ``token_id`` is the id of the token that they call with, empty where they have none.
    """

    rights: Rights
    actor: str
    channel: str
    token_id: str = ""

    @property
    def own(self) -> str | None:
        """The address of the person who calls, None where the token is nobody's own."""
        return self.rights.person

    def person(self, named: str | None) -> str | None:
        """The address of whoever acts, None where it is not known.

        Raises NotEntitled where somebody else is named than the one who calls.
        """
        if self.own is not None and named not in (None, self.own):
            raise NotEntitled(f"This token is {self.own}'s own: it cannot act for {named}")
        return self.own or named


def known_caller(request: Request, secret: Secret) -> Caller:
    """Whoever holds a live token; or the operator of this machine, where the app is served to none.

    Raises Unauthorized.
    """
    operator: str | None = request.app.state.operator
    if operator is not None:
        return Caller(_OPERATOR, operator, "cli")
    token = live_token(ports_of(request), secret)
    return Caller(token.rights, token.actor, "api", token.id)


_OPERATOR = Rights(everywhere=Permission.MANAGE)
"""The right of whoever may read the database anyway."""

Known = Annotated[Caller, Depends(known_caller)]


@dataclass(frozen=True, slots=True)
class CrewCaller:
    """A caller of one deployment's own calls."""

    ports: Ports
    caller: Caller
    deployment: str

    @property
    def scope(self) -> Scope:
        """The deployment alone."""
        return Scope.of(self.deployment)

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


def find_crew(request: Request, caller: Caller, needed: Permission) -> CrewCaller:
    """Find the deployment that the path names.

    At the root of the host that is the token's own, and only for a token of all the default one:
    clients that drop the path must not start another crew than theirs. Raises NotFound,
    UnknownDeployment, Unauthorized and NotEntitled.
    """
    ports = ports_of(request)
    named = request.path_params.get("deployment")
    name = named or caller.rights.only or ports.deployments.default()
    if name is None:
        raise _no_default(request, ports)
    if not caller.rights.may(Permission.VIEW, name):
        raise Unauthorized
    if not caller.rights.may(needed, name):
        raise lacks(needed, name)
    ports.deployments.get(name)
    return CrewCaller(ports, caller, name)


def _crew_caller(needed: Permission) -> Callable[..., Awaitable[CrewCaller]]:
    async def crew_caller(request: Request, caller: Known) -> CrewCaller:
        return find_crew(request, caller, needed)

    return crew_caller


def lacks(needed: Permission, deployment: str | None = None) -> NotEntitled:
    """Who calls may look, and no more."""
    where = f" in {deployment!r}" if deployment else ""
    return NotEntitled(f"This needs the permission {needed.value!r}{where}. Nothing was done.")


def _no_default(request: Request, ports: Ports) -> NotFound:
    base = base_url(request, ports)
    urls = ", ".join(f"{base}/crews/{name}" for name in ports.deployments.names())
    return NotFound(f"No deployment is the default one here. Use one of: {urls or 'none'}")


def base_url(request: Request, ports: Ports) -> str:
    """How clients reach the API, without a slash at its end."""
    return ports.public_url or str(request.base_url).rstrip("/")


CrewViewer = Annotated[CrewCaller, Depends(_crew_caller(Permission.VIEW))]
CrewResponder = Annotated[CrewCaller, Depends(_crew_caller(Permission.RESPOND))]
CrewManager = Annotated[CrewCaller, Depends(_crew_caller(Permission.MANAGE))]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A caller of what spans deployments, and what they are about to do.

    They see, or reach, those in which they may do that: ``needed`` is what it takes.
    """

    ports: Ports
    caller: Caller
    needed: Permission = Permission.VIEW

    @property
    def scope(self) -> Scope:
        """Where they may do what they are about to do."""
        return self.caller.rights.scope(self.needed)

    @property
    def person(self) -> str | None:
        """The address of whoever it is, None where the token is nobody's own."""
        return self.caller.own

    @property
    def actor(self) -> str:
        """Who the timeline says it was."""
        return self.caller.actor

    @property
    def channel(self) -> str:
        """Where executions and answers that come through here come from."""
        return self.caller.channel

    def may(self, needed: Permission, deployment: str) -> bool:
        """Whether they may do that there."""
        return self.caller.rights.may(needed, deployment)

    def acting(self, named: str | None) -> str:
        """The address of whoever acts. Raises Invalid where it is not known, and NotEntitled."""
        person = self.caller.person(named)
        if person is None:
            message = "Say in 'person' who does it: this token is nobody's own."
            raise Invalid(message, {"person": "is required"})
        return person

    def narrowed(self, deployment: str | None) -> Scope:
        """What remains where the caller asks for one deployment.

        Raises Unauthorized, and NotEntitled where they may look there, and no more.
        """
        if deployment is None:
            return self.scope
        if not self.may(Permission.VIEW, deployment):
            raise Unauthorized
        if not self.may(self.needed, deployment):
            raise lacks(self.needed, deployment)
        return Scope.of(deployment)

    def require_everywhere(self) -> None:
        """Raises Unauthorized for somebody who may do it in some deployments alone."""
        if self.scope.names is not None:
            raise Unauthorized


def _visitor(needed: Permission) -> Callable[..., Awaitable[Visitor]]:
    async def visitor(request: Request, caller: Known) -> Visitor:
        found = Visitor(ports_of(request), caller, needed)
        if not caller.rights.any_use(needed):
            raise lacks(needed)
        return found

    return visitor


Viewer = Annotated[Visitor, Depends(_visitor(Permission.VIEW))]
Responder = Annotated[Visitor, Depends(_visitor(Permission.RESPOND))]
Manager = Annotated[Visitor, Depends(_visitor(Permission.MANAGE))]
