"""Lists of operators' pages: one form to narrow them, a table, and the way to the next page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from orchestrator.api.common.paging import L, cut
from orchestrator.api.pages.frame import framed
from orchestrator.api.pages.signed_in import SignedIn
from orchestrator.ports import Ports
from orchestrator.wire.shown import plain

PAGE = 50

_LONGEST_CELL = 300


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell; ``href`` is a path of ours to which it leads."""

    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A button: what it says, and the path to which its form is sent."""

    label: str
    path: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list, and what may be done about it."""

    cells: tuple[Cell, ...]
    acts: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A field that narrows a list: one of some values, or a text where there are none."""

    name: str
    label: str
    value: str = ""
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class List:
    """A list as a page; ``here`` says which entry of the menu it is."""

    here: str
    title: str
    columns: Sequence[str]
    lines: Sequence[Line]
    choices: Sequence[Filter] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def cells(*values: object) -> tuple[Cell, ...]:
    """Cells of texts of anybody; None is empty."""
    return tuple(each if isinstance(each, Cell) else Cell(text(each)) for each in values)


def text(value: object) -> str:
    """A value in a cell."""
    return "" if value is None else plain(str(value), _LONGEST_CELL)


def listing(ports: Ports, signed: SignedIn, found: List) -> Response:
    """The page of a list."""
    given = {each.name: each.value for each in found.choices}
    more = urlencode({**given, "cursor": found.more["next"]}) if "next" in found.more else None
    return framed("listing.html", ports, signed, here=found.here, list=found, more=more)


def page_of(rows: Sequence[L]) -> tuple[Sequence[L], dict[str, Any]]:
    """A page of rows that were read with one more than it has."""
    return cut(rows, PAGE)
