"""What the tables have in common."""

from __future__ import annotations

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
    values: BindParameter[Any] = bindparam(
        "states", states, unique=True, expanding=True, literal_execute=True
    )
    return column.in_(values)


def partial_index(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> Index:
    """An index of the rows that meet the condition, in both databases."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def execution_key() -> Column[str]:
    """The column of whatever belongs to an execution, and goes when that goes."""
    key = ForeignKey("executions.id", ondelete="CASCADE")
    return Column("execution_id", Uuid, key, nullable=False)
