"""The inbox: what waits for a person, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from orchestrator.api.common.access import World
from orchestrator.api.pages.answer_form import choices_for
from orchestrator.api.pages.frame import framed
from orchestrator.api.pages.page_route import PageRoute
from orchestrator.api.pages.rows import done_row, waiting_row
from orchestrator.api.pages.signed_in import Signed, SignedIn
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.errors import NotFound
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.lists import (
    COUNTED,
    Wanted,
    count_waiting,
    list_done,
    list_waiting,
)
from orchestrator.wire.ids import Id
from orchestrator.wire.paths import INBOX

inbox = APIRouter(prefix=INBOX, include_in_schema=False, route_class=PageRoute)

After = Annotated[Id, Query(max_length=100)]
Narrowed = Annotated[str, Query(max_length=200)]


ALL, GROUPS = "all", "groups"
"""Whose reviews are asked for, where it is not what waits for the person by themselves."""

_WHOSE = {"": "Mine", GROUPS: "My groups\u2019", ALL: "All"}


@dataclass(frozen=True, slots=True)
class Sought:
    """Which of the reviews that wait are asked for, as the address of the list says."""

    deployment: str
    text: str
    whose: str

    def wanted(self, signed: SignedIn) -> Wanted:
        """The same for somebody. Raises NotFound for what is not visible."""
        person = None if self.whose == ALL else signed.person
        scope = _scope(signed, self.deployment, mine=person is not None)
        by_group = None if person is None else self.whose == GROUPS
        return Wanted(scope, person, self.text, by_group)

    def query(self, **more: str | int) -> str:
        """It, and more, as the end of an address."""
        asked = {"deployment": self.deployment, "text": self.text, "whose": self.whose}
        return urlencode({name: value for name, value in {**asked, **more}.items() if value})


def _asked(deployment: Narrowed = "", text: Narrowed = "", whose: Narrowed = "") -> Sought:
    return Sought(deployment, text, whose)


Asked = Annotated[Sought, Depends(_asked)]


@inbox.get("")
def waiting(ports: World, signed: Signed, sought: Asked, after: After = "") -> Response:
    """What waits, the most urgent first: for the person, or of all that is visible."""
    wanted = sought.wanted(signed)
    drawn_at = ports.store.read(lambda tx: tx.timeline.settled())  # before: nothing is missed
    found = list_waiting(ports, wanted, after or None)
    now = ports.clock.now()
    rows = [waiting_row(each, signed.person, now) for each in found.reviews]
    return framed(
        "waiting.html",
        ports,
        signed,
        more=found.more_after and f"?{sought.query(after=found.more_after)}",
        stream=f"{INBOX}/events?{sought.query(after=drawn_at)}",
        is_first=not after,
        rows=rows,
        count=f"{len(found.reviews)}{'+' if found.more_after or after else ''}",
        choices=choices_for(value for row in rows for value in row["choices"]),
        asked=sought,
        kinds=_kinds(ports, signed, sought),
    )


def _kinds(ports: Ports, signed: SignedIn, sought: Sought) -> list[dict[str, Any]]:
    """The lists that a person may choose from, each with how many wait in it.

    While they search these are not the ones that are found, so no numbers are told.
    """
    if signed.person is None:
        return []
    kinds = list(_visible(signed, sought))
    counts = count_waiting(ports, [wanted for _, wanted in kinds])
    here = sought.whose if sought.whose in _WHOSE else ""
    return [
        {
            "name": _WHOSE[kind.whose],
            "href": f"{INBOX}?{kind.query()}".rstrip("?"),
            "is_here": kind.whose == here,
            "count": "" if sought.text else f"{COUNTED}+" if count > COUNTED else str(count),
        }
        for (kind, _), count in zip(kinds, counts, strict=True)
    ]


def _visible(signed: SignedIn, sought: Sought) -> Iterator[tuple[Sought, Wanted]]:
    """All but those that would not be there: whoever is asked need not see what others are."""
    for whose in _WHOSE:
        kind = replace(sought, whose=whose)
        with suppress(NotFound):
            yield kind, kind.wanted(signed)


@inbox.get("/done")
def done(ports: World, signed: Signed, deployment: Narrowed = "", after: After = "") -> Response:
    """What was decided, by whom, when and how; the last first."""
    found = list_done(ports, _scope(signed, deployment), after or None)
    asked = Sought(deployment, "", "")
    return framed(
        "done.html",
        ports,
        signed,
        more=found.more_after and f"?{asked.query(after=found.more_after)}",
        rows=[done_row(each.review) for each in found.reviews],
        asked=asked,
    )


def _scope(signed: SignedIn, deployment: str, *, mine: bool = False) -> Scope:
    """Where to look: what waits for somebody who came by their address may be anywhere.

    Raises NotFound.
    """
    if not mine or signed.visitor.scope.person is None:
        return signed.narrowed(deployment)
    return Scope.of(deployment) if deployment else EVERYWHERE
