"""Points in time, as clients write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_BEGINS_WITH_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _no_number(given: object) -> object:
    """A number would be read as seconds or milliseconds since 1970, by its size."""
    if isinstance(given, str) and _BEGINS_WITH_A_DATE.match(given):
        return given
    raise ValueError("must be a time such as '2026-01-31T12:00:00Z'")


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_in_utc)]
"""A time with its zone; one whose UTC has no form is refused."""


def _no_day_as_number(given: object) -> object:
    """Nor would a number be read as what it is."""
    if isinstance(given, str) and _A_DATE.fullmatch(given):
        return given
    raise ValueError("must be a day such as '2026-01-31'")


Day = Annotated[date, BeforeValidator(_no_day_as_number)]
"""A day of the calendar."""


def iso(at: datetime | None) -> str | None:
    """A time as clients read it."""
    return at.isoformat() if at else None
