"""Jobs that a broker did not take: their rows are due for the sweep at once, as never published."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, case, delete, select, update

from orchestrator.adapters.sql.schema import (
    deliveries,
    delivery_waits,
    inbound_mails,
    mail_waits,
    task_run_waits,
    task_runs,
    wakeups,
)
from orchestrator.jobs import Job


def wake_soon(connection: Connection, unsent: Sequence[Job]) -> None:
    """Have the sweep publish these jobs as soon as it can, rather than a minute later or more.

    Versions stay as they are: nothing that a decision is made of changes.
    """
    arguments = [job.arguments for job in unsent]
    _wake_task_runs(
        connection, [each["task_run_id"] for each in arguments if "task_run_id" in each]
    )
    _wake_endpoints(
        connection, {each["endpoint_id"] for each in arguments if "endpoint_id" in each}
    )

    _wake_mails(connection, [each["mail_id"] for each in arguments if "mail_id" in each])


def _wake_mails(connection: Connection, ids: Sequence[str]) -> None:
    c = inbound_mails.c
    mine = update(inbound_mails).where(c.id.in_(ids), mail_waits)
    connection.execute(mine.values(wake_at=c.received_at))


def _wake_task_runs(connection: Connection, ids: Sequence[str]) -> None:
    c = task_runs.c
    not_counted = case((c.publishes > 1, c.publishes - 1), else_=c.publishes)
    mine = update(task_runs).where(c.id.in_(ids), task_run_waits)
    connection.execute(mine.values(wake_at=c.published_at, publishes=not_counted))


def _wake_endpoints(connection: Connection, ids: set[str]) -> None:
    """One delivery is enough: the drain that it wakes sends all that is due."""
    c = deliveries.c
    for endpoint_id in sorted(ids):
        connection.execute(delete(wakeups).where(wakeups.c.endpoint_id == endpoint_id))
        waits = select(c.id).where(c.endpoint_id == endpoint_id, delivery_waits)
        one = waits.where(c.claimed_by.is_(None), c.due_at <= c.published_at).limit(1)
        connection.execute(
            update(deliveries).where(c.id == one.scalar_subquery()).values(wake_at=c.published_at)
        )
