"""What people and tokens may do, and in which deployments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from orchestrator.errors import NotEntitled, NotFound


class Permission(StrEnum):
    """What somebody may do in a deployment. Each includes those before it."""

    VIEW = "view"
    """See its executions and reviews, and what was said in them."""
    RESPOND = "respond"
    """Decide its reviews, where their rules ask no others, and take part in them."""
    MANAGE = "manage"
    """Kick off, stop, retry and rewind; hand reviews on for others; webhooks and figures."""

    def includes(self, other: Permission) -> bool:
        """Whether whoever has this one may do what the other one allows."""
        return _RANK[self] >= _RANK[other]


_RANK = {permission: rank for rank, permission in enumerate(Permission)}


@dataclass(frozen=True, slots=True)
class Grants:
    """Who has which permission in one deployment, as its author wrote it.

    Each is a mail address, or ``@`` and a domain: everybody whose address is in that one.
    """

    to: Mapping[str, Permission] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, person: str) -> Permission | None:
        """The highest that the person of that address has."""
        domain = f"@{person.rpartition('@')[2]}"
        found = [self.to[each] for each in (person, domain) if each in self.to]
        return max(found, key=_RANK.__getitem__, default=None)


@dataclass(frozen=True, slots=True)
class Scope:
    """The deployments in which somebody may do what they are about to do; None: in all.

    ``sees`` are those in which they may look at least. ``person`` is the address of somebody who
    may also see, and decide, reviews of other deployments in which they are asked.
    """

    names: frozenset[str] | None = None
    sees: frozenset[str] | None = None
    person: str | None = None

    @classmethod
    def of(cls, deployment: str) -> Scope:
        """That of one deployment."""
        only = frozenset({deployment})
        return cls(only, only)

    def __contains__(self, deployment: str) -> bool:
        return self.names is None or deployment in self.names

    def require(self, deployment: str, missing: NotFound) -> None:
        """Raise ``missing`` where they may not even look, NotEntitled where no more."""
        if deployment in self:
            return
        if self.sees is not None and deployment not in self.sees:
            raise missing
        raise NotEntitled(f"You may look at {deployment!r}, but not do this there")


EVERYWHERE = Scope()


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do: ``everywhere``, and in each deployment.

    ``person`` is the address of whoever it is, None for a token that is nobody's own. Whoever came
    ``by_address``, not with a token, may decide wherever they are asked.
    """

    everywhere: Permission | None = None
    by_deployment: Mapping[str, Permission] = field(default_factory=lambda: MappingProxyType({}))
    person: str | None = None
    by_address: bool = False

    @property
    def only(self) -> str | None:
        """The one deployment that they are for, None where that is not one."""
        if self.everywhere is not None or len(self.by_deployment) != 1:
            return None
        return next(iter(self.by_deployment))

    def may(self, needed: Permission, deployment: str) -> bool:
        """Whether they include that in that deployment."""
        found = (self.everywhere, self.by_deployment.get(deployment))
        return any(each is not None and each.includes(needed) for each in found)

    def anywhere(self, needed: Permission) -> bool:
        """Whether they include that in any deployment."""
        found = (self.everywhere, *self.by_deployment.values())
        return any(each is not None and each.includes(needed) for each in found)

    def scope(self, needed: Permission) -> Scope:
        """Where they include that."""
        asked = self.person if self.by_address and needed is not Permission.MANAGE else None
        return Scope(self._where(needed), self._where(Permission.VIEW), asked)

    def any_use(self, needed: Permission) -> bool:
        """Whether there may be something for which they are good enough."""
        return self.anywhere(needed) or self.scope(needed).person is not None

    def _where(self, needed: Permission) -> frozenset[str] | None:
        if self.everywhere is not None and self.everywhere.includes(needed):
            return None
        return frozenset(name for name in self.by_deployment if self.may(needed, name))
