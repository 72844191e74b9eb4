"""What operators count, in SQL. Read when somebody asks, so it may read whole tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, case, func, select

from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import (
    checkpoints,
    executions,
    review_is_open,
    reviews,
    task_run_is_claimed,
    task_run_waits,
    task_runs,
)
from orchestrator.adapters.sql.schema.base import in_state
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.figures import (
    DURATION_BUCKETS,
    OpenPlan,
    StateCount,
    StoredFormat,
    TaskFigures,
    Waiting,
)
from orchestrator.domain.task_run import TaskRun

_execution_is_open = in_state(
    executions.c.state,
    ExecutionState.QUEUED,
    ExecutionState.RUNNING,
    ExecutionState.PENDING_HUMAN_INPUT,
)


class SqlFigures:
    """Keeps ``ports.Figures``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def executions(self) -> tuple[StateCount, ...]:
        """The executions by deployment and state."""
        by = (executions.c.deployment, executions.c.state)
        rows = self._connection.execute(select(*by, func.count()).group_by(*by))
        return tuple(StateCount(*row) for row in rows)

    def open_reviews(self) -> tuple[Waiting, ...]:
        """The reviews that wait for a person, by deployment."""
        return self._waiting(reviews, reviews.c.created_at, review_is_open)

    def due_task_runs(self, now: datetime) -> tuple[Waiting, ...]:
        """The task runs that wait for a worker, by deployment."""
        due_at = task_runs.c.due_at
        return self._waiting(task_runs, due_at, task_run_waits, due_at <= now)

    def tasks(self) -> tuple[TaskFigures, ...]:
        """How long the runs of each task took, and how often they were tried again."""
        c = task_runs.c
        by = (c.deployment, c.task_name)
        counts: list[ColumnElement[Any]] = [
            func.count(c.execution_time),
            func.coalesce(func.sum(c.execution_time), 0.0),
        ]
        counts += [_count(c.execution_time <= bound) for bound in DURATION_BUCKETS]
        counts.append(func.sum(case((c.attempts > 1, c.attempts - 1), else_=0)))
        rows = self._connection.execute(select(*by, *counts).group_by(*by).order_by(*by))
        return tuple(_task_figures(row) for row in rows)

    def open_plans(self) -> tuple[OpenPlan, ...]:
        """The plans that open executions began with."""
        c = executions.c
        query = select(c.deployment, c.plan_digest, func.count(), func.min(c.id))
        grouped = query.where(_execution_is_open).group_by(c.deployment, c.plan_digest)
        return tuple(OpenPlan(*row) for row in self._connection.execute(grouped))

    def foreign_checkpoints(self, known: int) -> tuple[StoredFormat, ...]:
        """The formats other than the known one in which open executions stand."""
        e, c = executions.c, checkpoints.c
        newest = (c.execution_id == e.id) & (c.number == e.checkpoints)
        query = select(e.deployment, c.format, func.count(), func.min(e.id)).join(
            checkpoints, newest
        )
        foreign = query.where(_execution_is_open, c.format != known)
        grouped = foreign.group_by(e.deployment, c.format)
        return tuple(StoredFormat(*row) for row in self._connection.execute(grouped))

    def troubled(self, limit: int) -> tuple[TaskRun, ...]:
        """Open task runs whose last attempt failed, those that were tried most often first."""
        rows = Rows(self._connection, task_runs, TaskRun)
        failing = rows.select().where(
            task_run_waits | task_run_is_claimed, task_runs.c.error.is_not(None)
        )
        return rows.all(failing.order_by(task_runs.c.attempts.desc(), task_runs.c.id).limit(limit))

    def _waiting(
        self, table: Table, since: Column[Any], *conditions: ColumnElement[bool]
    ) -> tuple[Waiting, ...]:
        counts = select(table.c.deployment, func.count(), func.min(since)).where(*conditions)
        rows = self._connection.execute(counts.group_by(table.c.deployment))
        return tuple(Waiting(*row) for row in rows)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _task_figures(row: Sequence[Any]) -> TaskFigures:
    deployment, task, runs, seconds, *buckets, retries = row
    return TaskFigures(
        deployment, task, runs, float(seconds), tuple(map(int, buckets)), int(retries)
    )
