"""The task runs in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, select, update

from orchestrator.adapters.sql.database_clock import database_time
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import MOST, Rows, save, selecting
from orchestrator.adapters.sql.schema import (
    task_run_is_claimed,
    task_run_is_held,
    task_run_is_published,
    task_run_waits,
    task_runs,
)
from orchestrator.adapters.sql.sweeps import last_beat
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import StaleWrite
from orchestrator.ports import Deferred

_c = task_runs.c


class SqlTaskRuns:
    """Keeps ``ports.TaskRuns``.

    Renewals and publications leave the version alone: they change nothing that a decision is
    made of, and must not make one be taken again.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, task_runs, TaskRun)

    def add(self, runs: Sequence[TaskRun]) -> None:
        """Insert."""
        self._rows.add(runs)

    def get(self, task_run_id: str) -> TaskRun | None:
        """Read."""
        return self._rows.by_id(task_run_id)

    def defer(self, task_run_id: str) -> Deferred[TaskRun | None]:
        """The same, asked together with what is read next."""
        return self._rows.defer_by_id(task_run_id)

    def of(self, execution_id: str) -> tuple[TaskRun, ...]:
        """All of an execution's, in the order in which they were made."""
        return self._rows.of_execution(execution_id)

    def defer_of(self, execution_id: str) -> Deferred[tuple[TaskRun, ...]]:
        """The same, asked together with what is read next."""
        return self._rows.defer_of_execution(execution_id)

    def uncommitted(self, execution_id: str) -> tuple[TaskRun, ...]:
        """Those that are not committed, in the same order."""
        return self._rows.all(_UNCOMMITTED, {"execution_id": execution_id})

    def defer_uncommitted(self, execution_id: str) -> Deferred[tuple[TaskRun, ...]]:
        """The same, asked together with what is read next."""
        return self._rows.defer(_UNCOMMITTED, {"execution_id": execution_id})

    def save(self, before: TaskRun, after: TaskRun) -> TaskRun:
        """Write over the state and version of ``before``. Raises StaleWrite."""
        return save(self._connection, task_runs, before, after)

    def rename(self, before: TaskRun, after: TaskRun) -> None:
        """Write the names of ``after``. Raises StaleWrite."""
        as_it_was = (_c.id == before.id, _c.version == before.version, _c.state == before.state)
        renamed = self._connection.execute(
            update(task_runs)
            .where(*as_it_was)
            .values(
                path=after.path,
                task_name=after.task_name,
                current_step=after.current_step,
                version=before.version + 1,
                attempts=_c.attempts,  # named, so that the triggers move what they counted of it
            )
        )
        if renamed.rowcount != 1:
            raise StaleWrite

    def renew(
        self, task_run_id: str, claim_no: int, lease: timedelta, step: str | None = None
    ) -> bool:
        """Move the lease's end to that long after now; False when the claim is lost."""
        renewed = self._connection.execute(
            update(task_runs)
            .where(_c.id == task_run_id, _c.claim_no == claim_no, task_run_is_claimed)
            .values(lease_until=database_time(self._connection, plus=lease), current_step=step)
        )
        return renewed.rowcount == 1

    def fence(self, task_run_id: str, claim_no: int) -> bool:
        """Keep a claim from ending until the transaction does; False when it is lost already."""
        held = _FENCED.first(self._connection, {"id": task_run_id, "claim_no": claim_no})
        return held is not None

    def lapsed(self, limit: int) -> tuple[str, ...]:
        """Ids of the runs whose lease had ended at the last heartbeat, the longest ago first."""
        return tuple(self._connection.execute(LAPSED, {"most": limit}).scalars())

    def claimed_by(self, worker: str) -> tuple[str, ...]:
        """Ids of the runs that this worker holds."""
        query = select(_c.id).where(task_run_is_claimed, _c.claimed_by == worker)
        return tuple(self._connection.execute(query).scalars())

    def to_wake(self, now: datetime, limit: int) -> tuple[TaskRun, ...]:
        """Runs that are due and were not published, or too long ago."""
        return self._rows.all(TO_WAKE, {"now": now, "most": limit})

    def woken(self, run: TaskRun, now: datetime, wake_at: datetime) -> bool:
        """Note that the run is being published again; False when somebody else just did."""
        noted = self._connection.execute(
            update(task_runs)
            .where(_c.id == run.id, _c.publishes == run.publishes, *_asleep(now))
            .values(publishes=run.publishes + 1, published_at=now, wake_at=wake_at)
        )
        return noted.rowcount == 1

    def published(self, deployment: str, now: datetime, most: int) -> int:
        """How many runs of a deployment wait for a worker to take their job, counted up to most.

        Not those that were put off: nobody who takes jobs now can take theirs.
        """
        bound = {"deployment": deployment, "now": now, "most": most}
        return len(_PUBLISHED.all(self._connection, bound))

    def running(self, deployment: str) -> int:
        """How many runs of a deployment are claimed."""
        row = _RUNNING.first(self._connection, {"deployment": deployment})
        return 0 if row is None else int(row[0])

    def hold(self, task_run_id: str) -> None:
        """Have a run that is due wait for its turn."""
        waiting = update(task_runs).where(_c.id == task_run_id, task_run_waits)
        self._connection.execute(waiting.values(held=True, publishes=0))

    def held(self, deployment: str, limit: int) -> tuple[TaskRun, ...]:
        """Runs of a deployment that wait for their turn, the longest first, for nobody else."""
        return self._rows.all(_HELD, {"deployment": deployment, "most": limit})

    def held_deployments(self) -> tuple[str, ...]:
        """The deployments that have runs which wait for their turn."""
        return tuple(self._connection.execute(HELD_DEPLOYMENTS).scalars())

    def admit(self, run: TaskRun, now: datetime, wake_at: datetime) -> bool:
        """Note that a held run is being published; False when somebody else just did."""
        published = {"held": False, "publishes": 1, "published_at": now, "wake_at": wake_at}
        return _ADMIT.run(self._connection, {"run_id": run.id, **published}) == 1

    def put_off(self, task_run_id: str, wake_at: datetime, publishes: int) -> None:
        """Have the sweep publish a run that is due at that time, as one published so often."""
        waiting = update(task_runs).where(_c.id == task_run_id, task_run_waits)
        self._connection.execute(waiting.values(publishes=publishes, wake_at=wake_at))


def _asleep(now: datetime | BindParameter[datetime]) -> tuple[ColumnElement[bool], ...]:
    return task_run_is_published, _c.wake_at <= now


_FENCED = Prepared(
    select(_c.id)
    .where(
        _c.id == bindparam("id"),
        _c.claim_no == bindparam("claim_no"),
        _c.state == TaskRunState.RUNNING,
    )
    .with_for_update(read=True)
)
_UNCOMMITTED = Prepared(
    selecting(task_runs, TaskRun)
    .where(_c.execution_id == bindparam("execution_id"), _c.state != TaskRunState.COMMITTED)
    .order_by(_c.created_at, _c.id)
)
_PUBLISHED = Prepared(
    select(_c.id)
    .where(_c.deployment == bindparam("deployment"), _c.due_at <= bindparam("now"))
    .where(task_run_is_published, _c.publishes > 0)  # 0: put off, or yet to be tried again
    .limit(MOST)
)
_RUNNING = Prepared(
    select(func.count()).where(_c.deployment == bindparam("deployment"), task_run_is_claimed)
)
_HELD = Prepared(
    selecting(task_runs, TaskRun)
    .where(_c.deployment == bindparam("deployment"), task_run_is_held)
    .order_by(_c.due_at)
    .limit(MOST)
    .with_for_update(skip_locked=True)
)
_ADMIT = Prepared(
    update(task_runs).where(
        _c.id == bindparam("run_id"), _c.state == TaskRunState.DUE, _c.held.is_(True)
    ),
    ("held", "publishes", "published_at", "wake_at"),
)
HELD_DEPLOYMENTS = select(_c.deployment).where(task_run_is_held).distinct()
LAPSED = (
    select(_c.id)
    .where(task_run_is_claimed, _c.lease_until < last_beat())
    .order_by(_c.lease_until)
    .limit(MOST)
)
TO_WAKE = (
    selecting(task_runs, TaskRun).where(*_asleep(bindparam("now"))).order_by(_c.wake_at).limit(MOST)
)
