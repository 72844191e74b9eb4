"""The condition that a column holds one of several names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, true


def among(column: ColumnElement[Any], names: Collection[str] | None) -> ColumnElement[bool]:
    """Whether the column holds one of the names; None: whatever it holds.

    One name is compared with ``=``, so that an index which begins with the column gives the order
    of those that follow.
    """
    if names is None:
        return true()
    if len(names) == 1:
        return column == next(iter(names))
    return column.in_(sorted(names))
