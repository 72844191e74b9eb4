"""What sweeps note in SQL: when the database last took a write, what moved, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    Connection,
    ScalarSelect,
    Table,
    bindparam,
    or_,
    select,
    update,
)

from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.database_clock import read_clock
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import Rows, insert_new, upsert, values_of
from orchestrator.adapters.sql.schema import (
    deliveries,
    delivery_waits,
    drains,
    endpoints,
    failing_steps,
    heartbeat,
    hosts,
    inbound_mails,
    sign_in_links,
    task_run_is_claimed,
    task_run_waits,
    task_runs,
    wakeups,
    worker_processes,
    workers,
)
from orchestrator.ports import FailingStep

LATELY = timedelta(seconds=30)
"""A step that failed has not failed again for that long: it is mended."""

_THE_ROW = heartbeat.c.id == 1
_WAITING = ((task_runs, task_run_waits), (deliveries, delivery_waits))
_RESTING = (
    endpoints.c.quiet_until,
    hosts.c.open_until,
    wakeups.c.at,
    inbound_mails.c.wake_at,
    sign_in_links.c.wake_at,
)


def last_beat() -> ScalarSelect[datetime]:
    """That time, as an expression: NULL before the first sweep, so that no lease lapses by it."""
    return select(heartbeat.c.at).where(_THE_ROW).scalar_subquery()


_LAST_BEAT = Prepared(select(last_beat()))
_BEAT = Prepared(
    update(heartbeat).where(_THE_ROW, heartbeat.c.at == bindparam("last", type_=Utc())), ("at",)
)


class SqlSweeps:
    """Keeps ``ports.Sweeps``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, failing_steps, FailingStep)

    def last_beat(self) -> datetime | None:
        """That time, None before the first sweep."""
        row = _LAST_BEAT.first(self._connection, {})
        return None if row is None else row[0]

    def beat(self, last: datetime | None, now: datetime) -> bool:
        """Write it, over what it was; False when another sweep did so meanwhile."""
        if last is None:
            return insert_new(self._connection, heartbeat, {"id": 1, "at": now}, ["id"])
        return _BEAT.run(self._connection, {"last": last, "at": now}) == 1

    def renew_leases(self, now: datetime, lease: timedelta, seen_since: datetime | None) -> None:
        """Have every lease end that long after now; who was seen since then is seen now."""
        held = (
            update(task_runs).where(task_run_is_claimed),
            update(deliveries).where(delivery_waits, deliveries.c.claimed_by.is_not(None)),
            update(drains),
        )
        for statement in held:
            self._connection.execute(statement.values(lease_until=now + lease))
        if seen_since is not None:
            for table in (workers, worker_processes):
                seen = update(table).where(table.c.seen_at >= seen_since)
                self._connection.execute(seen.values(seen_at=now))

    def bring_forward(self, now: datetime, by: timedelta) -> None:
        """Have all that waits for a time to come wait for one that much earlier."""
        for table, waits in _WAITING:
            c = table.c
            found = self._connection.execute(
                select(c.id, c.due_at, c.wake_at).where(waits, or_(c.due_at > now, c.wake_at > now))
            )
            self._rewrite(table, c.id, [_sooner(*row, now=now, by=by) for row in found.tuples()])
        for column in _RESTING:
            (key,) = column.table.primary_key
            later = self._connection.execute(select(key, column).where(column > now))
            sooner = [{"key": row[0], column.name: row[1] - by} for row in later]
            self._rewrite(column.table, key, sooner)

    def step_failed(self, step: str, error: str) -> None:
        """Note that a step failed just now; since when it does stays as it was."""
        now = read_clock(self._connection)
        known = {each.step: each.since for each in self.failing_steps()}
        failing = FailingStep(step, known.get(step, now), now, error)
        upsert(self._connection, failing_steps, values_of(failing), ["step"])

    def failing_steps(self) -> tuple[FailingStep, ...]:
        """The steps that failed lately."""
        since = read_clock(self._connection) - LATELY
        query = self._rows.select().where(failing_steps.c.at > since)
        return self._rows.all(query.order_by(failing_steps.c.step))

    def _rewrite(self, table: Table, key: Column[str], rows: Sequence[dict[str, object]]) -> None:
        """Row by row: SQLite keeps times as texts, and cannot calculate with them."""
        if rows:
            self._connection.execute(update(table).where(key == bindparam("key")), rows)


def _sooner(
    row_id: str, due_at: datetime, wake_at: datetime, *, now: datetime, by: timedelta
) -> dict[str, object]:
    """What was due already has been published: only its next publication comes sooner."""
    if due_at <= now:
        return {"key": row_id, "due_at": due_at, "wake_at": wake_at - by}
    return {"key": row_id, "due_at": due_at - by, "wake_at": due_at - by}
