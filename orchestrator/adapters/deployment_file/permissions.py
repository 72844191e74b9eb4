"""Who may do what, as it is written in the file: for one deployment, or for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, PlainValidator

from orchestrator.adapters.deployment_file.values import Table
from orchestrator.domain.permission import Grants, Permission
from orchestrator.domain.person import address_of
from orchestrator.domain.review_policy import Group

_GROUP = "group:"


def _grantee(value: object) -> str:
    if isinstance(value, str):
        if value.startswith(_GROUP) and value != _GROUP:
            return value
        everybody = value.startswith("@")
        address = address_of(f"somebody{value}" if everybody else value)
        if address is not None:
            return address.removeprefix("somebody") if everybody else address
    raise ValueError(
        f"{value!r} is nobody: write 'ann@example.com', '@example.com' for all of a domain, "
        "or 'group:NAME'"
    )


Grantees = list[Annotated[str, PlainValidator(_grantee)]]


class PermissionTable(Table):
    """Who has which permission; each includes those before it."""

    view: Grantees = Field(default_factory=list)
    respond: Grantees = Field(default_factory=list)
    manage: Grantees = Field(default_factory=list)

    def named(self) -> Iterator[tuple[Permission, str]]:
        """Each that is named, the lowest permission first."""
        for permission in Permission:
            for grantee in getattr(self, permission.value):
                yield permission, grantee


def grants(tables: tuple[PermissionTable, ...], groups: Mapping[str, Group]) -> Grants:
    """What the tables give together. Raises ValueError for a group that is not declared."""
    found: dict[str, Permission] = {}
    for table in tables:
        for permission, grantee in table.named():
            for each in _members(grantee, groups):
                if each not in found or permission.includes(found[each]):
                    found[each] = permission
    return Grants(found)


def _members(grantee: str, groups: Mapping[str, Group]) -> tuple[str, ...]:
    if not grantee.startswith(_GROUP):
        return (grantee,)
    name = grantee.removeprefix(_GROUP)
    if name not in groups:
        known = ", ".join(sorted(groups)) or "none"
        raise ValueError(f"permissions: there is no group {name!r}; declared: {known}")
    return groups[name].members
