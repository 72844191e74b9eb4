"""The checkpoints in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, update

from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import checkpoints
from orchestrator.domain.checkpoint import FORMAT, Checkpoint
from orchestrator.errors import DeploymentBroken

_c = checkpoints.c


class SqlCheckpoints:
    """Keeps ``ports.Checkpoints``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, checkpoints, Checkpoint)

    def add(self, checkpoint: Checkpoint) -> None:
        """Insert."""
        self._rows.add([checkpoint])

    def of(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """All of an execution's, in order. Raises DeploymentBroken for a format we cannot read."""
        query = self._rows.select().where(_c.execution_id == execution_id).order_by(_c.number)
        found = self._rows.all(query)
        for checkpoint in found:
            if checkpoint.format != FORMAT:
                raise DeploymentBroken(
                    f"The checkpoint has format {checkpoint.format}; "
                    f"this version reads format {FORMAT} only"
                )
        return found

    def purge(self, execution_id: str) -> None:
        """Take away what the checkpoints hold of the runner's own; they are still found."""
        of_execution = _c.execution_id == execution_id
        self._connection.execute(update(checkpoints).where(of_execution).values(state=None))
