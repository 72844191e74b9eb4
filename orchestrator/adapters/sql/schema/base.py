"""What the tables have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    bindparam,
)

from orchestrator.adapters.sql.column_types import Uuid

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up in columns of type INTEGER only."""


def in_state(column: Column[Any], *states: StrEnum | str) -> ColumnElement[bool]:
    """The condition that a row is in one of these states.

    Written into the statement, not bound to it: a partial index is used only for states that the
    planner can read.
    """
    return column.in_(_written_out(states))


def not_among(column: Column[Any], values: Iterable[int]) -> ColumnElement[bool]:
    """The condition that a row has none of these numbers; written into the statement as well."""
    return column.not_in(_written_out(tuple(values)))


def _written_out(values: Sequence[object]) -> BindParameter[Any]:
    return bindparam("among", values, unique=True, expanding=True, literal_execute=True)


def partial_index(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> Index:
    """An index of the rows that meet the condition, in both databases."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def execution_key() -> Column[str]:
    """The column of whatever belongs to an execution, and goes when that goes."""
    key = ForeignKey("executions.id", ondelete="CASCADE")
    return Column("execution_id", Uuid, key, nullable=False)
