"""Figures about deliveries in SQL: what a worker's death cannot leave wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, literal, select

from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import deliveries, delivery_attempts, delivery_waits
from orchestrator.domain.delivery import DeliveryAttempt, DeliveryState

_c = deliveries.c
_a = delivery_attempts.c
_NEWEST = 10_000


class SqlDeliveryFigures:
    """Keeps ``ports.DeliveryFigures``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._attempts = Rows(connection, delivery_attempts, DeliveryAttempt)

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """How many there are of each deployment in each state."""
        query = select(_c.deployment, _c.state, func.count()).group_by(_c.deployment, _c.state)
        rows = self._connection.execute(query)
        return {(deployment, state): count for deployment, state, count in rows}

    def oldest_due(self, now: datetime) -> datetime | None:
        """The time at which the delivery was due that has been due for longest."""
        query = select(func.min(_c.due_at)).where(delivery_waits, _c.due_at <= now)
        found: datetime | None = self._connection.execute(query).scalar_one()
        return found

    def waiting(self, endpoint_ids: Sequence[str]) -> dict[str, int]:
        """How many wait at each of these endpoints."""
        query = (
            select(_c.endpoint_id, func.count())
            .where(_c.endpoint_id.in_(endpoint_ids), delivery_waits)
            .group_by(_c.endpoint_id)
        )
        return dict(self._connection.execute(query).tuples().all())

    def tries(self, since: datetime) -> tuple[DeliveryAttempt, ...]:
        """The newest tries since then, without what was answered."""
        query = (
            select(_a.delivery_id, _a.number, _a.at, _a.status, _a.seconds, _a.error)
            .add_columns(literal("").label("answer"))
            .where(_a.at >= since)
            .order_by(_a.at.desc())
            .limit(_NEWEST)
        )
        return self._attempts.all(query)
