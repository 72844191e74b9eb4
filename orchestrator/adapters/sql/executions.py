"""The executions in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    bindparam,
    exists,
    select,
    type_coerce,
    update,
)

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.database_clock import Moment, Timed
from orchestrator.adapters.sql.rows import MOST, Rows, insert_new, save, selecting, values_of
from orchestrator.adapters.sql.schema import deliveries, delivery_waits, executions
from orchestrator.domain.canonical import storable
from orchestrator.domain.execution import Execution
from orchestrator.ports import Deferred, ExecutionFilter, Position

_LOCKED = Timed(
    selecting(executions, Execution)
    .where(executions.c.id == bindparam("id"))
    .with_for_update(key_share=True)
)
_still_sending = exists().where(deliveries.c.execution_id == executions.c.id, delivery_waits)
TO_PURGE = (
    select(executions.c.id)
    .where(executions.c.purged_at.is_(None))
    .where(executions.c.finished_at < bindparam("finished_before"), ~_still_sending)
    .order_by(executions.c.finished_at)
    .limit(MOST)
)


class SqlExecutions:
    """Keeps ``ports.Executions``."""

    def __init__(self, connection: Connection, moment: Moment) -> None:
        self._connection = connection
        self._moment = moment
        self._rows = Rows(connection, executions, Execution)

    def add(self, execution: Execution) -> bool:
        """Insert; False, and nothing done, when the id is taken."""
        return insert_new(self._connection, executions, values_of(execution), ["id"])

    def add_new(self, executions: Sequence[Execution]) -> None:
        """Insert several whose ids were just made."""
        self._rows.add(executions)

    def get(self, execution_id: str) -> Execution | None:
        """Read without a lock."""
        return self._rows.by_id(execution_id)

    def lock(self, execution_id: str) -> Execution | None:
        """Read and hold the row; on SQLite the whole transaction holds the database already.

        FOR NO KEY UPDATE keeps out every other lock of ours, but not the inserts of rows that
        refer to the execution (FOR UPDATE would make these wait).
        """
        return self.defer_lock(execution_id)()

    def defer_lock(self, execution_id: str) -> Deferred[Execution | None]:
        """The same, asked together with what is read next: that is read behind the lock."""
        asked = _LOCKED.defer(self._connection, self._moment, {"id": execution_id})

        def read() -> Execution | None:
            row = asked()
            return None if row is None else Execution(*row)

        return read

    def save(self, before: Execution, after: Execution) -> Execution:
        """Write over the state and version of ``before``. Raises StaleWrite."""
        return save(self._connection, executions, before, after)

    def of_batch(self, batch: str) -> tuple[Execution, ...]:
        """All of a batch's, in the order in which they were kicked off."""
        c = executions.c
        query = self._rows.select().where(c.batch == batch)
        return self._rows.all(query.order_by(c.created_at, c.id))

    def to_purge(self, finished_before: datetime, limit: int) -> tuple[str, ...]:
        """Ids of executions that finished before then, were not purged, and have told all."""
        found = {"finished_before": finished_before, "most": limit}
        return tuple(self._connection.execute(TO_PURGE, found).scalars())

    def purged(self, execution_id: str, at: datetime) -> None:
        """Note that an execution's deliveries and outputs are gone."""
        this = executions.c.id == execution_id
        values = {"purged_at": at, "version": executions.c.version + 1}
        self._connection.execute(update(executions).where(this).values(values))

    def page(
        self, wanted: ExecutionFilter, after: Position | None, limit: int
    ) -> tuple[Execution, ...]:
        """Some of the executions that are meant, newest first."""
        query = self._rows.select().where(*_conditions(wanted))
        return self._rows.page(query, after, limit, newest_first=True)


def _conditions(wanted: ExecutionFilter) -> Iterator[ColumnElement[bool]]:
    c = executions.c
    yield among(c.deployment, wanted.deployments)
    if wanted.state is not None:
        yield c.state == wanted.state
    if wanted.batch is not None:
        yield c.batch == wanted.batch
    if wanted.since is not None:
        yield c.created_at >= wanted.since
    if wanted.until is not None:
        yield c.created_at < wanted.until
    if wanted.meta is not None:
        yield type_coerce(c.meta, Text).icontains(storable(wanted.meta), autoescape=True)
