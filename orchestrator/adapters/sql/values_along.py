"""The different values of a column, read along an index that begins with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, Column, ColumnElement, func, select


def values_along(column: Column[Any], name: str, *where: ColumnElement[bool]) -> CTE:
    """Each value once, as ``value``, and NULL at the end; the table expression has this name.

    It jumps from one value to the next, and so takes no longer where many rows have the same.
    """
    found = select(func.min(column).label("value")).where(*where).cte(name, recursive=True)
    beyond = select(func.min(column)).where(*where, column > found.c.value)
    following = beyond.correlate(found).scalar_subquery()
    return found.union_all(select(following).where(found.c.value.is_not(None)))
