"""Reads the whole file, and says in one sentence what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from orchestrator.adapters.deployment_file.calendars import CalendarTable
from orchestrator.adapters.deployment_file.entry import DeploymentTable
from orchestrator.adapters.deployment_file.permissions import PermissionTable
from orchestrator.adapters.deployment_file.reviews import (
    AnswerTable,
    GroupTable,
    RuleTable,
    RungTable,
)
from orchestrator.adapters.deployment_file.rule_faults import rule_faults
from orchestrator.adapters.deployment_file.values import Label, Name, Table
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.review_policy import Calendar
from orchestrator.errors import InvalidSettings, UnknownDeployment

EXAMPLE = '[deployments.research]\ncrew = "my_project.crew:ResearchCrew"'


class DeploymentFile:
    """The deployments of one file, by name."""

    def __init__(self, deployments: Mapping[str, Deployment], default: str | None = None) -> None:
        self._deployments = dict(deployments)
        self._default = default

    def get(self, name: str) -> Deployment:
        """The deployment of that name. Raises UnknownDeployment."""
        try:
            return self._deployments[name]
        except KeyError:
            raise UnknownDeployment(name, self.names()) from None

    def names(self) -> tuple[str, ...]:
        """All of them, in the file's order."""
        return tuple(self._deployments)

    def queues(self) -> tuple[str, ...]:
        """The queues that workers consume in order to run them, each once, in the file's order."""
        return tuple(dict.fromkeys(each.queue for each in self._deployments.values()))

    def default(self) -> str | None:
        """The one that the file names, or the only one; None where that is not clear."""
        if self._default is None and len(self._deployments) == 1:
            return self.names()[0]
        return self._default


def load_deployments(path: Path) -> DeploymentFile:
    """Read and check the file.

    Raises InvalidSettings, with one sentence that names the file, the deployment and the key.
    """
    try:
        document = _Document.model_validate(_parsed(path))
    except ValidationError as wrong:
        raise InvalidSettings(f"{path}: {_first_fault(wrong)}") from wrong
    return _deployments_of(document, path)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as wrong:
        raise InvalidSettings(
            f"There is no deployment file at {path}. Write one that names your crew:\n\n{EXAMPLE}\n"
        ) from wrong
    except OSError as wrong:
        raise InvalidSettings(f"{path}: {wrong.strerror}") from wrong
    except ValueError as wrong:  # no TOML, or no UTF-8
        raise InvalidSettings(f"{path} is not valid TOML: {wrong}") from wrong


class _Document(Table):
    """The whole file."""

    default: str | None = None
    groups: dict[Label, GroupTable] = Field(default_factory=dict)
    calendars: dict[Label, CalendarTable] = Field(default_factory=dict)
    permissions: PermissionTable = Field(default_factory=PermissionTable)
    deployments: dict[Name, DeploymentTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _default_exists(self) -> _Document:
        if self.default is not None and self.default not in self.deployments:
            raise ValueError(f"'default' names {self.default!r}, which is not declared")
        return self


def _deployments_of(document: _Document, path: Path) -> DeploymentFile:
    groups = {name: table.group(name) for name, table in document.groups.items()}
    calendars = dict(_calendars(document, path))
    named: dict[str, Deployment] = {}
    for name, table in document.deployments.items():
        try:
            named[name] = table.deployment(name, groups, calendars, document.permissions)
        except ValueError as wrong:
            raise InvalidSettings(f"{path}: deployment {name!r}: {wrong}") from wrong
        fault = next(rule_faults(named[name]), None)
        if fault is not None:
            raise InvalidSettings(f"{path}: deployment {name!r}: {fault}")
    return DeploymentFile(named, document.default)


def _calendars(document: _Document, path: Path) -> Iterator[tuple[str, Calendar]]:
    for name, table in document.calendars.items():
        try:
            yield name, table.calendar(name, path.parent)
        except ValueError as wrong:
            raise InvalidSettings(f"{path}: calendar {name!r}: {wrong}") from wrong


def _first_fault(wrong: ValidationError) -> str:
    """Say in one sentence where the first fault is, and what it is."""
    faults = wrong.errors(include_url=False)
    unknown = [fault for fault in faults if fault["type"] == "extra_forbidden"]
    fault = (unknown or faults)[0]  # a misspelt key is why another one seems to be missing
    said = fault["msg"].removeprefix("Value error, ")
    if unknown:
        said = f"there is no such key{_meant(fault['loc'])}"
    return f"{_place(fault['loc'])}{said}"


_TABLES: Mapping[str, type[Table]] = {
    "deployments": DeploymentTable,
    "groups": GroupTable,
    "calendars": CalendarTable,
    "reviews": RuleTable,
    "escalate": RungTable,
    "answer": AnswerTable,
    "permissions": PermissionTable,
}
"""The tables of the file, by the key under which they stand."""


def _meant(location: tuple[int | str, ...]) -> str:
    """Name the key that is much like the one that is not known."""
    within = [key for place, key in enumerate(location[:-1]) if place != 1 and key in _TABLES]
    known = (_TABLES[str(within[-1])] if within else _Document).model_fields
    alike = get_close_matches(str(location[-1]), known, n=1)
    if not alike:
        return ""
    is_table = not within and alike[0] in _TABLES
    meant = f"[{alike[0]}.NAME]" if is_table else repr(alike[0])
    return f"; did you mean {meant}?"


def _place(location: tuple[int | str, ...]) -> str:
    """Turn where pydantic found a fault into words: ``deployment 'research': max_rounds: ``."""
    match location:
        case ():
            return ""
        case ("deployments" | "groups" | "calendars" as table, name, *keys):
            noun = f"{table.removesuffix('s')} {name!r}: "
            return f"{noun}its name " if keys == ["[key]"] else noun + "".join(_steps(keys))
    return f"{location[0]}: "


def _steps(keys: list[int | str]) -> Iterator[str]:
    """The keys on the way to the fault; of a list the number in it, counted from 1."""
    for place, key in enumerate(keys):
        if isinstance(key, int):
            yield f"number {key + 1}: "
        else:
            is_list = isinstance((*keys, "")[place + 1], int)
            yield f"{key}, " if is_list else f"{key}: "
