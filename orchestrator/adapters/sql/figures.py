"""What operators count, in SQL. It takes no longer where much has happened: see ``tallies``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    case,
    func,
    insert,
    literal,
    select,
    union_all,
)

from orchestrator.adapters.sql.due_deliveries import waiting_endpoints
from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import (
    checkpoint_is_foreign,
    checkpoints,
    deliveries,
    delivery_attempts,
    delivery_waits,
    endpoints,
    executions,
    is_notice,
    review_is_open,
    reviews,
    tally_deltas,
    task_run_is_troubled,
    task_run_waits,
    task_runs,
)
from orchestrator.adapters.sql.schema.base import in_state
from orchestrator.adapters.sql.tallies import counted, fold
from orchestrator.adapters.sql.values_along import values_along
from orchestrator.domain import delivery, execution
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.endpoint import EndpointState
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.figures import (
    DURATION_BUCKETS,
    TRY_BUCKETS,
    EndpointHealth,
    OpenExecutions,
    Refusals,
    StateCount,
    TaskFigures,
    TryFigures,
    Waiting,
)
from orchestrator.domain.task_run import TaskRun

_execution_is_open = in_state(executions.c.state, *execution.OPEN)

FOLDED_FROM, _FOLDED_AT_A_TIME = 1_000, 5_000
_NEWEST_TRIES = 10_000
_WITHIN = tuple(f"within_{bound:.0f}" for bound in DURATION_BUCKETS)
_OF_TASKS = ("tasks", "runs", "seconds", "retries", *_WITHIN)


class SqlFigures:
    """Keeps ``ports.Figures``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def executions(self) -> tuple[StateCount, ...]:
        """The executions by deployment and state."""
        rows = self._connection.execute(counted("executions"))
        return tuple(
            StateCount(row.deployment, ExecutionState(row.label), int(row.amount)) for row in rows
        )

    def open_reviews(self) -> tuple[Waiting, ...]:
        """The reviews that wait for a person, by deployment."""
        return self._waiting("reviews", reviews.c.created_at, review_is_open, literal(0))

    def due_task_runs(self, now: datetime) -> tuple[Waiting, ...]:
        """The task runs that wait for a worker, by deployment."""
        c = task_runs.c
        later = select(func.count()).where(task_run_waits, c.due_at > now)
        found = self._waiting("due", c.due_at, task_run_waits, later)
        return tuple(each for each in found if each.since <= now)

    def tasks(self) -> tuple[TaskFigures, ...]:
        """How long the runs of each task took, and how often they were tried again."""
        amounts: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for row in self._connection.execute(counted(*_OF_TASKS)):
            amounts[(row.deployment, row.label)][row.what] = row.amount
        return tuple(_task_figures(*key, amounts[key]) for key in sorted(amounts))

    def plans_begun_with(self) -> tuple[str, ...]:
        """The digests of the plans that executions began with."""
        digest = values_along(executions.c.plan_digest, "digests").c.value
        return tuple(self._connection.execute(select(digest).where(digest.is_not(None))).scalars())

    def open_with_plan(self, digest: str) -> tuple[OpenExecutions, ...]:
        """The open executions that began with this plan, by deployment."""
        c = executions.c
        query = select(c.deployment, func.count(), func.min(c.id)).group_by(c.deployment)
        mine = query.where(c.plan_digest == digest, _execution_is_open)
        return tuple(OpenExecutions(*row) for row in self._connection.execute(mine))

    def open_with_foreign_checkpoint(self) -> tuple[OpenExecutions, ...]:
        """The open executions with a checkpoint that this version cannot read, by deployment."""
        e, of_foreign = executions.c, checkpoints.c.execution_id
        query = select(e.deployment, func.count(e.id.distinct()), func.min(e.id))
        # No column: SQLite would go through the open executions, and look there.
        joined = query.join(checkpoints, e.id == of_foreign.concat(""))
        foreign = joined.where(checkpoint_is_foreign, _execution_is_open).group_by(e.deployment)
        return tuple(OpenExecutions(*row) for row in self._connection.execute(foreign))

    def troubled(self, limit: int) -> tuple[TaskRun, ...]:
        """Open task runs whose last attempt failed, those that were tried most often first."""
        rows = Rows(self._connection, task_runs, TaskRun)
        failing = rows.select().where(task_run_is_troubled)
        order = (task_runs.c.attempts.desc(), task_runs.c.id.desc())
        return rows.all(failing.order_by(*order).limit(limit))

    def deliveries(self) -> dict[tuple[str, DeliveryState], int]:
        """How many there are of each deployment in each state."""
        rows = self._connection.execute(counted("deliveries"))
        return {(row.deployment, DeliveryState(row.label)): int(row.amount) for row in rows}

    def oldest_due_delivery(self, now: datetime) -> datetime | None:
        """The time at which the delivery was due that has been due for longest."""
        each = waiting_endpoints()
        kinds = [
            is_notice,
            *(~is_notice & (deliveries.c.state == state) for state in delivery.OPEN),
        ]
        oldest = [
            select(
                select(deliveries.c.due_at)
                .where(deliveries.c.endpoint_id == each.c.value, delivery_waits, kind)
                .order_by(deliveries.c.due_at)
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

    def waiting_deliveries(self, endpoint_ids: Sequence[str]) -> dict[str, int]:
        """How many wait at each of these endpoints."""
        rows = self._connection.execute(counted("waiting", labels=endpoint_ids))
        return {row.label: int(row.amount) for row in rows}

    def endpoints(self, limit: int) -> tuple[EndpointHealth, ...]:
        """The health of the newest endpoints; no secret key is needed for that."""
        query = (
            select(
                endpoints.c.id,
                endpoints.c.deployment,
                endpoints.c.state,
                endpoints.c.quiet_until,
                endpoints.c.failing_since,
            )
            .order_by(endpoints.c.created_at.desc(), endpoints.c.id.desc())
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
            select(
                (func.coalesce(delivery_attempts.c.status, 0) // 100).label("hundreds"),
                delivery_attempts.c.seconds,
            )
            .where(delivery_attempts.c.at >= since)
            .order_by(delivery_attempts.c.at.desc())
            .limit(_NEWEST_TRIES)
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

    def refuse(self, what: Refusals, why: str) -> None:
        """Count one that was refused; no trigger tells of it."""
        row = {"what": what.value, "deployment": "", "label": why, "amount": 1.0}
        self._connection.execute(insert(tally_deltas).values(row))

    def refused(self, what: Refusals) -> dict[str, int]:
        """How many were, by why."""
        rows = self._connection.execute(counted(what.value))
        return {row.label: int(row.amount) for row in rows}

    def fold(self) -> int:
        """Add up what was counted lately, where that is much; returns how many deltas it was."""
        return fold(self._connection, FOLDED_FROM, _FOLDED_AT_A_TIME)

    def _waiting(
        self,
        what: str,
        since: Column[Any],
        waits: ColumnElement[bool],
        later: Select[Any] | ColumnElement[int],
    ) -> tuple[Waiting, ...]:
        """Each deployment where something waits, less what is not due yet, and its oldest."""
        here = counted(what).subquery()
        mine = since.table.c.deployment == here.c.deployment
        oldest = select(func.min(since)).where(waits, mine).correlate(here).scalar_subquery()
        if isinstance(later, Select):
            later = later.where(mine).correlate(here).scalar_subquery()
        rows = self._connection.execute(select(here.c.deployment, here.c.amount - later, oldest))
        return tuple(
            Waiting(deployment, int(count), at) for deployment, count, at in rows if count > 0
        )


def _task_figures(deployment: str, task: str, amounts: dict[str, float]) -> TaskFigures:
    within, buckets = 0, []
    for name in _WITHIN:
        within += int(amounts.get(name, 0))
        buckets.append(within)
    return TaskFigures(
        deployment,
        task,
        int(amounts.get("runs", 0)),
        amounts.get("seconds", 0.0),
        tuple(buckets),
        int(amounts.get("retries", 0)),
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
