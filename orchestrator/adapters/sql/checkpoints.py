"""The checkpoints in SQL."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    bindparam,
    null,
    select,
    type_coerce,
    update,
)

from orchestrator.adapters.sql.cipher import Cipher
from orchestrator.adapters.sql.known import Known
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import inserting, values_of
from orchestrator.adapters.sql.schema import checkpoints
from orchestrator.domain.canonical import decode
from orchestrator.domain.checkpoint import FORMAT, FORMAT_OF_RENAMES, Cause, Checkpoint
from orchestrator.domain.execution import Execution
from orchestrator.domain.renaming import migrations, named_as_now
from orchestrator.errors import Unreadable, WrittenByNewer, cause

_c = checkpoints.c
_RAW = {"cause": Text, "usage": Text, "change": Text}
"""The columns that are read as they lie there, and understood row by row: one may be damaged."""

_NAMES = tuple(column.name for column in _c)
_READ: Mapping[str, ColumnElement[Any]] = {
    column.name: type_coerce(column, _RAW[column.name]).label(column.name)
    if column.name in _RAW
    else column
    for column in _c
}


def _reading(columns: Mapping[str, ColumnElement[Any]]) -> Prepared:
    beyond = (_c.execution_id == bindparam("execution_id"), _c.number > bindparam("number"))
    return Prepared(select(*columns.values()).where(*beyond).order_by(_c.number))


_BEYOND = _reading(_READ)
_SHOWN = _reading({**_READ, "state": null().label("state")})


class SqlCheckpoints:
    """Keeps ``ports.Checkpoints``. A flow's state is deflated, and encrypted where outputs are."""

    def __init__(self, connection: Connection, known: Known, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher
        self._known = known
        self._added: list[Checkpoint] = []

    def add(self, checkpoint: Checkpoint) -> None:
        """Insert."""
        row = {**values_of(checkpoint), "state": self._cipher.pack_json(checkpoint.state)}
        inserting(checkpoints, tuple(row)).run_each(self._connection, [row])
        self._added.append(checkpoint)

    def of(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """All of an execution's, in order. Raises Unreadable and WrittenByNewer."""
        return named_as_now(self._beyond(execution_id, 0))

    def shown(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """The same without the runner's own state, which may be large."""
        return named_as_now(self._beyond(execution_id, 0, _SHOWN))

    def of_locked(self, execution: Execution) -> tuple[Checkpoint, ...]:
        """The same for one whose row is locked: only those are read that are not known yet.

        What this transaction wrote it knows.
        """
        return named_as_now(self._as_written(execution))

    def _as_written(self, execution: Execution) -> tuple[Checkpoint, ...]:
        known = self._known.checkpoints(execution.id)
        own = [each for each in self._added if each.execution_id == execution.id]
        if len(known) + len(own) == execution.checkpoints:
            return (*known, *own) if own else known
        more = self._beyond(execution.id, len(known))
        if len(known) + len(more) != execution.checkpoints:  # a gap cannot be told by a count
            return self._beyond(execution.id, 0)
        if not self._added:
            self._known.keep_checkpoints(execution.id, known, more)
        return (*known, *more)

    def was_committed(self) -> None:
        """The transaction was committed: what it added is known from now on."""
        for added in self._added:
            known = self._known.checkpoints(added.execution_id)
            if len(known) == added.number - 1:
                self._known.keep_checkpoints(added.execution_id, known, [added])

    def _beyond(
        self, execution_id: str, number: int, query: Prepared = _BEYOND
    ) -> tuple[Checkpoint, ...]:
        bound = {"execution_id": execution_id, "number": number}
        found = query.all(self._connection, bound)
        return tuple(self._checkpoint(dict(zip(_NAMES, row, strict=True))) for row in found)

    def purge(self, execution_id: str) -> None:
        """Take away what the checkpoints hold of the runner's own; they are still found."""
        of_execution = _c.execution_id == execution_id
        self._connection.execute(update(checkpoints).where(of_execution).values(state=None))

    def _checkpoint(self, row: Mapping[str, Any]) -> Checkpoint:
        if row["format"] > FORMAT_OF_RENAMES:
            raise WrittenByNewer("The checkpoint", row["format"], FORMAT_OF_RENAMES)
        if row["format"] < FORMAT:
            raise Unreadable(f"The checkpoint has format {row['format']}, which no version reads")
        what = f"Checkpoint {row['number']}"
        try:
            understood: dict[str, Any] = {
                "cause": Cause(row["cause"]),
                "usage": decode(row["usage"]),
                "state": self._cipher.unpack_json(row["state"], what),
                "change": None if row["change"] is None else decode(row["change"]),
            }
            checkpoint = Checkpoint(**{**row, **understood})
            migrations([checkpoint])
        except (zlib.error, KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(f"{what} is damaged: {cause(error)}") from error
        return checkpoint
