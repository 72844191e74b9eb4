"""The checkpoints in SQL."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Text, bindparam, select, type_coerce

from orchestrator.adapters.sql.rows import inserting
from orchestrator.adapters.sql.schema import checkpoints
from orchestrator.domain.canonical import decode
from orchestrator.domain.checkpoint import FORMAT, Checkpoint
from orchestrator.errors import Unreadable, WrittenByNewer, cause

_COLUMNS = ("id", "execution_id", "number", "plan_digest", "cause", "created_at", "format")
_NEWEST = (
    select(
        *(checkpoints.c[name] for name in _COLUMNS),
        type_coerce(checkpoints.c.body, Text).label("body"),
    )
    .where(checkpoints.c.execution_id == bindparam("execution_id"))
    .order_by(checkpoints.c.number.desc())
    .limit(1)
)


class SqlCheckpoints:
    """Keeps ``ports.Checkpoints``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, checkpoint: Checkpoint) -> None:
        """Insert."""
        row = {name: getattr(checkpoint, name) for name in _COLUMNS}
        self._connection.execute(inserting(checkpoints), {**row, "body": checkpoint.to_json()})

    def newest(self, execution_id: str) -> Checkpoint | None:
        """The one to go on from. Raises Unreadable and WrittenByNewer."""
        row = self._connection.execute(_NEWEST, {"execution_id": execution_id}).mappings().first()
        return None if row is None else _checkpoint(row)


def _checkpoint(row: RowMapping) -> Checkpoint:
    if row["format"] > FORMAT:
        raise WrittenByNewer("The checkpoint", row["format"], FORMAT)
    if row["format"] != FORMAT:
        raise Unreadable(f"The checkpoint has format {row['format']}, which no version reads")
    try:
        body = cast("Any", decode(row["body"]))
        return Checkpoint(
            **{name: row[name] for name in _COLUMNS},
            committed={int(index): output_id for index, output_id in body["committed"].items()},
            answered=tuple(body["answered"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"Checkpoint {row['number']} is damaged: {cause(error)}") from error
