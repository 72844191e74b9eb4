"""The messages of producers in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, update

from orchestrator.adapters.sql.rows import Rows, upsert, values_of
from orchestrator.adapters.sql.schema import intake_messages, intake_waits
from orchestrator.ports import IntakeMessage, IntakeState


class SqlIntake:
    """Keeps ``ports.Intake``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, intake_messages, IntakeMessage)

    def get(self, message_id: str) -> IntakeMessage | None:
        """What became of a message, None if it is new."""
        return self._rows.first(self._rows.select().where(intake_messages.c.id == message_id))

    def put(self, message: IntakeMessage) -> None:
        """Insert or replace."""
        upsert(self._connection, intake_messages, values_of(message), ["id"])

    def newest(
        self, state: IntakeState | None, deployment: str | None, limit: int
    ) -> tuple[IntakeMessage, ...]:
        """Messages that came to this, newest first; None does not matter."""
        c = intake_messages.c
        query = self._rows.select().order_by(c.received_at.desc(), c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(c.state == state)
        if deployment is not None:
            query = query.where(c.deployment == deployment)
        return self._rows.all(query)

    def purge(self, execution_id: str) -> None:
        """Empty the bodies of the messages that an execution came from or was answered by."""
        its = intake_messages.c.execution_id == execution_id
        self._connection.execute(update(intake_messages).where(its).values(body={}))

    def waiting(self, limit: int) -> tuple[IntakeMessage, ...]:
        """Messages whose deployment was not ready yet, oldest first."""
        query = self._rows.select().where(intake_waits)
        return self._rows.all(query.order_by(intake_messages.c.received_at).limit(limit))
