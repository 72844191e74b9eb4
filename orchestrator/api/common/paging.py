"""Lists that are read page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Protocol, TypeVar

from fastapi import Query

from orchestrator.domain.canonical import is_storable
from orchestrator.errors import Invalid
from orchestrator.ports import Position


class Listed(Protocol):
    """What stands in a list: it has a place there."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""

    @property
    def id(self) -> str:
        """What tells it from what was made at the same moment."""


L = TypeVar("L", bound=Listed)

"""What no text column of either database holds."""

Cursor = Annotated[
    str | None, Query(max_length=500, description="The `next` of the page before this one.")
]
Limit = Annotated[int, Query(ge=1, le=100, description="How many to give at most.")]


def position_of(cursor: str | None) -> Position | None:
    """Read a cursor that ``next_cursor`` made. Raises Invalid for any other text."""
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if not isinstance(place, list):
            raise TypeError("not a list")  # noqa: TRY301 - one message for all that is wrong with it
        at, row_id = place
        return Position(_aware(at).astimezone(UTC), _storable(row_id))
    except (ValueError, TypeError, OverflowError, RecursionError):
        message = "'cursor' must be the 'next' of an earlier page."
        raise Invalid(message, {"cursor": "not one that was given"}) from None


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at


def _storable(text: object) -> str:
    if not isinstance(text, str) or not is_storable(text):
        raise TypeError("no id that a database has")
    return text


def next_cursor(last: Listed) -> str:
    """The cursor of the page after this row."""
    place = json.dumps([last.created_at.isoformat(), last.id])
    return base64.urlsafe_b64encode(place.encode()).decode()


def cut(rows: Sequence[L], limit: int) -> tuple[Sequence[L], dict[str, str]]:
    """Cut off the row beyond the limit; where there was one, ``next`` leads to it."""
    if len(rows) <= limit:
        return rows, {}
    return rows[:limit], {"next": next_cursor(rows[limit - 1])}
