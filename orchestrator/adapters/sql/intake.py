"""The messages of producers in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.rows import MOST, Rows, selecting, upsert, values_of
from orchestrator.adapters.sql.schema import intake_messages, intake_waits, manifests
from orchestrator.domain.figures import Waiting
from orchestrator.domain.intake import IntakeMessage, IntakeState

_c = intake_messages.c
_is_loaded = manifests.c.deployment == _c.deployment
LOADED = select(_c.id).join(manifests, _is_loaded).where(intake_waits)
"""Messages for deployments that a worker has loaded by now."""

_WAITING = (
    selecting(intake_messages, IntakeMessage)
    .join(manifests, _is_loaded)
    .where(manifests.c.deployment.in_(bindparam("deployments", expanding=True)), intake_waits)
    .order_by(_c.received_at)
    .limit(MOST)
)


class SqlIntake:
    """Keeps ``ports.Intake``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, intake_messages, IntakeMessage)

    def get(self, message_id: str) -> IntakeMessage | None:
        """What became of a message, None if it is new."""
        return self._rows.first(self._rows.select().where(_c.id == message_id))

    def put(self, message: IntakeMessage) -> None:
        """Insert or replace; what was accepted stays so."""
        open_to_change = _c.state != IntakeState.ACCEPTED
        upsert(self._connection, intake_messages, values_of(message), ["id"], where=open_to_change)

    def newest(
        self, state: IntakeState | None, deployments: Collection[str] | None, limit: int
    ) -> tuple[IntakeMessage, ...]:
        """Messages that came to this, newest first; None does not matter."""
        query = self._rows.select().order_by(_c.received_at.desc(), _c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(_c.state == state)
        query = query.where(among(_c.deployment, deployments))
        return self._rows.all(query)

    def waiting(self, deployments: Sequence[str], limit: int) -> tuple[IntakeMessage, ...]:
        """Messages that waited for one of these which a worker has loaded since, oldest first."""
        return self._rows.all(_WAITING, {"deployments": deployments, "most": limit})

    def backlog(self) -> tuple[Waiting, ...]:
        """The messages that wait for their deployment, by its name."""
        query = (
            select(_c.deployment, func.count(), func.min(_c.received_at))
            .where(intake_waits)
            .group_by(_c.deployment)
        )
        return tuple(Waiting(*row) for row in self._connection.execute(query))

    def refused(self, since: datetime) -> int:
        """How many messages that came since then were refused."""
        late = select(func.count()).where(_c.state == IntakeState.REFUSED, _c.received_at >= since)
        return self._connection.execute(late).scalar_one()

    def purge(self, execution_id: str) -> None:
        """Empty the bodies of the messages that an execution came from or was answered by."""
        its = intake_messages.c.execution_id == execution_id
        self._connection.execute(update(intake_messages).where(its).values(body={}))

    def forget(self, before: datetime, limit: int) -> int:
        """Delete messages that came before then and were refused; returns how many."""
        old = select(_c.id).where(_c.state == IntakeState.REFUSED, _c.received_at < before)
        some = old.order_by(_c.received_at).limit(limit)
        return self._connection.execute(delete(intake_messages).where(_c.id.in_(some))).rowcount
