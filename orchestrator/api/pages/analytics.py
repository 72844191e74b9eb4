"""The page of figures: how fast, how many, with what outcome, at what cost.

It is for those who manage a deployment, and tells of the deployments that they manage.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from orchestrator.api.common.access import World, lacks
from orchestrator.api.pages.analytics_tables import tables
from orchestrator.api.pages.page_route import PageRoute
from orchestrator.api.pages.rendering import HEADERS_OF_FORMS, page
from orchestrator.api.pages.signed_in import Signed, SignedIn
from orchestrator.domain.permission import Permission
from orchestrator.errors import Invalid, NotFound
from orchestrator.ports import Ports
from orchestrator.usecases.reviews.analytics import ReviewFigures, asked, figures
from orchestrator.wire.paths import INBOX

ANALYTICS = f"{INBOX}/analytics"

analytics_page = APIRouter(prefix=ANALYTICS, include_in_schema=False, route_class=PageRoute)

Narrowed = Annotated[str, Query(max_length=200)]
Day = Annotated[str, Query(max_length=10, pattern=r"^(\d{4}-\d\d-\d\d)?$")]


@analytics_page.get("")
def show(
    ports: World, signed: Signed, deployment: Narrowed = "", since: Day = "", until: Day = ""
) -> Response:
    """Charts, each with its table."""
    found = _figures(ports, signed, deployment, since, until)
    days = {"since": found.since.isoformat(), "until": found.until.isoformat()}
    scope = signed.to(Permission.MANAGE).scope
    return page(
        "analytics.html",
        headers=HEADERS_OF_FORMS,
        who=signed.name,
        csrf=signed.csrf,
        manages=signed.manages,
        deployments=[name for name in ports.deployments.names() if name in scope],
        tables=tables(found.analytics),
        is_behind=found.is_behind,
        asked={"deployment": deployment, **days},
        query=urlencode({"deployment": deployment, **days}),
    )


@analytics_page.get("/{key}.csv")
def download(
    ports: World,
    signed: Signed,
    key: str,
    deployment: Narrowed = "",
    since: Day = "",
    until: Day = "",
) -> Response:
    """One table as a file."""
    found = _figures(ports, signed, deployment, since, until)
    table = next((each for each in tables(found.analytics) if each.key == key), None)
    if table is None:
        raise NotFound("There is no such table.")
    name = f"{key}-{found.since}-{found.until}.csv"
    headers: dict[str, Any] = {
        **HEADERS_OF_FORMS,
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return Response(table.csv.encode("utf-8", "replace"), headers=headers, media_type="text/csv")


def _figures(
    ports: Ports, signed: SignedIn, deployment: str, since: str, until: str
) -> ReviewFigures:
    """Raises NotEntitled, NotFound, and Invalid for days that are none."""
    if not signed.manages:
        raise lacks(Permission.MANAGE)
    scope = signed.narrowed(deployment, Permission.MANAGE)
    return figures(ports, asked(ports.clock.now(), _day(since), _day(until), scope))


def _day(text: str) -> date | None:
    """Raises Invalid."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid(f"{text} is no day.") from None
