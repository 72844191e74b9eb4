"""The checkpoints in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Connection,
    LargeBinary,
    RowMapping,
    Text,
    bindparam,
    select,
    type_coerce,
    update,
)

from orchestrator.adapters.sql.column_types import inflated
from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import checkpoints
from orchestrator.domain.canonical import decode
from orchestrator.domain.checkpoint import FORMAT, Cause, Checkpoint
from orchestrator.errors import Unreadable, WrittenByNewer, cause

_c = checkpoints.c
_RAW = {"cause": Text, "usage": Text, "state": LargeBinary}
"""The columns that are read as they lie there, and understood row by row: one may be damaged."""

_OF_EXECUTION = (
    select(
        *(
            type_coerce(column, _RAW[column.name]).label(column.name)
            if column.name in _RAW
            else column
            for column in _c
        )
    )
    .where(_c.execution_id == bindparam("execution_id"))
    .order_by(_c.number)
)


class SqlCheckpoints:
    """Keeps ``ports.Checkpoints``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, checkpoints, Checkpoint)

    def add(self, checkpoint: Checkpoint) -> None:
        """Insert."""
        self._rows.add([checkpoint])

    def of(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """All of an execution's, in order. Raises Unreadable and WrittenByNewer."""
        found = self._connection.execute(_OF_EXECUTION, {"execution_id": execution_id})
        return tuple(map(_checkpoint, found.mappings().all()))

    def purge(self, execution_id: str) -> None:
        """Take away what the checkpoints hold of the runner's own; they are still found."""
        of_execution = _c.execution_id == execution_id
        self._connection.execute(update(checkpoints).where(of_execution).values(state=None))


def _checkpoint(row: RowMapping) -> Checkpoint:
    if row["format"] > FORMAT:
        raise WrittenByNewer("The checkpoint", row["format"], FORMAT)
    if row["format"] != FORMAT:
        raise Unreadable(f"The checkpoint has format {row['format']}, which no version reads")
    try:
        understood: dict[str, Any] = {
            "cause": Cause(row["cause"]),
            "usage": decode(row["usage"]),
            "state": inflated(row["state"]),
        }
        return Checkpoint(**{**row, **understood})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"Checkpoint {row['number']} is damaged: {cause(error)}") from error
