"""Figures about deliveries in SQL: what a worker's death cannot leave wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, func, select, union_all

from orchestrator.adapters.sql.deliveries import waiting_endpoints
from orchestrator.adapters.sql.schema import (
    deliveries,
    delivery_attempts,
    delivery_waits,
    endpoints,
    is_notice,
)
from orchestrator.adapters.sql.tallies import counted
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.endpoint import EndpointState
from orchestrator.domain.figures import TRY_BUCKETS, EndpointHealth, TryFigures

_c = deliveries.c
_a = delivery_attempts.c
_e = endpoints.c
_NEWEST = 10_000
_WAITING = (DeliveryState.PENDING, DeliveryState.RETRYING)


class SqlDeliveryFigures:
    """Keeps ``ports.DeliveryFigures``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """How many there are of each deployment in each state."""
        rows = self._connection.execute(counted("deliveries"))
        return {(row.deployment, DeliveryState(row.label)): int(row.amount) for row in rows}

    def oldest_due(self, now: datetime) -> datetime | None:
        """The time at which the delivery was due that has been due for longest."""
        each = waiting_endpoints()
        kinds = [is_notice, *(~is_notice & (_c.state == state) for state in _WAITING)]
        oldest = [
            select(
                select(_c.due_at)
                .where(_c.endpoint_id == each.c.id, delivery_waits, kind)
                .order_by(_c.due_at)
                .limit(1)
                .correlate(each)
                .scalar_subquery()
                .label("due_at")
            ).select_from(each)
            for kind in kinds
        ]
        both = union_all(*oldest).subquery()
        found: datetime | None = self._connection.execute(
            select(func.min(both.c.due_at)).where(both.c.due_at <= now)
        ).scalar_one()
        return found

    def waiting(self, endpoint_ids: Sequence[str]) -> dict[str, int]:
        """How many wait at each of these endpoints."""
        rows = self._connection.execute(counted("waiting", labels=endpoint_ids))
        return {row.label: int(row.amount) for row in rows}

    def endpoints(self, limit: int) -> tuple[EndpointHealth, ...]:
        """The health of the newest endpoints; no secret key is needed for that."""
        query = (
            select(_e.id, _e.deployment, _e.state, _e.quiet_until, _e.failing_since)
            .order_by(_e.created_at.desc(), _e.id.desc())
            .limit(limit)
        )
        return tuple(
            EndpointHealth(
                row.id,
                row.deployment,
                row.state is EndpointState.ENABLED,
                row.quiet_until,
                row.failing_since,
            )
            for row in self._connection.execute(query)
        )

    def tries(self, since: datetime) -> tuple[TryFigures, ...]:
        """The newest tries since then by the hundreds of their status, 0 where no answer came."""
        newest = (
            select((func.coalesce(_a.status, 0) // 100).label("hundreds"), _a.seconds)
            .where(_a.at >= since)
            .order_by(_a.at.desc())
            .limit(_NEWEST)
            .subquery()
        )
        within = [_count(newest.c.seconds <= bound) for bound in TRY_BUCKETS]
        sums = (func.count(), func.sum(newest.c.seconds), *within)
        by = newest.c.hundreds
        rows = self._connection.execute(select(by, *sums).group_by(by))
        return tuple(
            TryFigures(int(row[0]), int(row[1]), float(row[2]), tuple(map(int, row[3:])))
            for row in rows
        )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
