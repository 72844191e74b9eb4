"""What operators count, in SQL. It takes no longer where much has happened: see ``tallies``."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, func, literal, select

from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import (
    checkpoints,
    executions,
    review_is_open,
    reviews,
    task_run_is_troubled,
    task_run_waits,
    task_runs,
)
from orchestrator.adapters.sql.schema.base import in_state
from orchestrator.adapters.sql.tallies import counted, fold
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

_FOLDED_FROM, _FOLDED_AT_A_TIME = 1_000, 5_000
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
        failing = rows.select().where(task_run_is_troubled)
        order = (task_runs.c.attempts.desc(), task_runs.c.id.desc())
        return rows.all(failing.order_by(*order).limit(limit))

    def fold(self) -> int:
        """Add up what was counted lately, where that is much; returns how many deltas it was."""
        return fold(self._connection, _FOLDED_FROM, _FOLDED_AT_A_TIME)

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
