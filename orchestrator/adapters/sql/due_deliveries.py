"""Which deliveries are due, in SQL: at one endpoint, and which endpoints have any."""

from __future__ import annotations

from functools import cache

from sqlalchemy import CTE, ColumnElement, Select, bindparam, exists, select

from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import MOST
from orchestrator.adapters.sql.schema import deliveries, delivery_waits, endpoints, is_notice
from orchestrator.adapters.sql.sweeps import last_beat
from orchestrator.adapters.sql.values_along import values_along
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
    quiet = exists().where(endpoints.c.id == each.c.value, endpoints.c.quiet_until > now)
    asleep = (
        select(_c.wake_at)
        .where(_c.endpoint_id == each.c.value, delivery_waits, _c.wake_at <= now, is_free())
        .order_by(_c.wake_at)
        .limit(1)
        .correlate(each)
        .scalar_subquery()
    )
    since = select(each.c.value.label("id"), asleep.label("since")).where(
        each.c.value.is_not(None), ~quiet
    )
    found = since.subquery()
    return select(found.c.id).where(found.c.since.is_not(None)).order_by(found.c.since).limit(MOST)


def waiting_endpoints() -> CTE:
    """The endpoints where deliveries wait: their ids as ``value``, and NULL at the end."""
    return values_along(_c.endpoint_id, "waiting_endpoints", delivery_waits)
