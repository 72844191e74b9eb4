"""Which deliveries are due, in SQL: at one endpoint, and which endpoints have any."""

from __future__ import annotations

from functools import cache

from sqlalchemy import CTE, ColumnElement, Select, bindparam, exists, func, select

from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import MOST
from orchestrator.adapters.sql.schema import deliveries, delivery_waits, endpoints, is_notice
from orchestrator.adapters.sql.sweeps import last_beat
from orchestrator.domain.delivery import DeliveryState

_c = deliveries.c


def is_free() -> ColumnElement[bool]:
    """Held by no drain, or by one whose lease has ended."""
    return _c.claimed_by.is_(None) | (_c.lease_until < last_beat())


@cache
def due() -> tuple[Prepared, ...]:
    """Ids of some that are due at an endpoint, with the sizes of their bodies: notices first."""
    states = (DeliveryState.PENDING, DeliveryState.RETRYING)
    return tuple(
        Prepared(
            select(_c.id, _c.size)
            .where(_c.endpoint_id == bindparam("endpoint_id"), delivery_waits, which)
            .where(_c.due_at <= bindparam("now"), is_free())
            .order_by(_c.due_at, _c.sequence)
            .limit(MOST)
            .with_for_update(skip_locked=True)
        )
        for which in (is_notice, *((_c.state == state) & ~is_notice for state in states))
    )


@cache
def to_wake() -> Select[tuple[str]]:
    """The query for endpoints that have something due, of one of each endpoint's deliveries."""
    each, now = waiting_endpoints(), bindparam("now", type_=Utc())
    quiet = exists().where(endpoints.c.id == each.c.id, endpoints.c.quiet_until > now)
    asleep = (
        select(_c.wake_at)
        .where(_c.endpoint_id == each.c.id, delivery_waits, _c.wake_at <= now, is_free())
        .order_by(_c.wake_at)
        .limit(1)
        .correlate(each)
        .scalar_subquery()
    )
    since = select(each.c.id, asleep.label("since")).where(each.c.id.is_not(None), ~quiet)
    found = since.subquery()
    return select(found.c.id).where(found.c.since.is_not(None)).order_by(found.c.since).limit(MOST)


def waiting_endpoints() -> CTE:
    """The ids of the endpoints where deliveries wait, and NULL at the end.

    It jumps from one endpoint to the next along an index, and so takes no longer where many wait.
    """
    first = select(func.min(_c.endpoint_id).label("id")).where(delivery_waits)
    found = first.cte("waiting_endpoints", recursive=True)
    beyond = select(func.min(_c.endpoint_id)).where(delivery_waits, _c.endpoint_id > found.c.id)
    following = beyond.correlate(found).scalar_subquery()
    return found.union_all(select(following).where(found.c.id.is_not(None)))
