"""The worker processes that were seen lately, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, select

from orchestrator.adapters.sql.database_clock import database_time
from orchestrator.adapters.sql.rows import upsert
from orchestrator.adapters.sql.schema import worker_processes, workers

_FORGOTTEN_AFTER = timedelta(days=1)


class SqlWorkers:
    """Keeps ``ports.Workers``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, name: str, queues: Sequence[str], clock_ahead: timedelta | None = None) -> None:
        """Note that a worker is alive; forget those that died long ago without a word."""
        row = {
            "name": name,
            "queues": list(queues),
            "seen_at": database_time(self._connection),
            "clock_ahead": None if clock_ahead is None else clock_ahead.total_seconds(),
        }
        upsert(self._connection, workers, row, ["name"])
        long_ago = database_time(self._connection, plus=-_FORGOTTEN_AFTER)
        self._connection.execute(delete(workers).where(workers.c.seen_at < long_ago))

    def gone(self, name: str) -> None:
        """Forget a worker that ended, with its processes."""
        mine = worker_processes.c.worker == name
        self._connection.execute(delete(worker_processes).where(mine))
        self._connection.execute(delete(workers).where(workers.c.name == name))

    def consuming(self, queue: str, within: timedelta) -> tuple[str, ...]:
        """Names of the workers seen on this queue within that time, in order."""
        earliest = database_time(self._connection, plus=-within)
        query = select(workers.c.name, workers.c.queues).where(workers.c.seen_at >= earliest)
        lately = self._connection.execute(query.order_by(workers.c.name))
        return tuple(name for name, queues in lately if queue in queues)

    def clocks(self, within: timedelta) -> dict[str, timedelta]:
        """How far the clocks of workers seen within that time are ahead of the database's."""
        earliest = database_time(self._connection, plus=-within)
        query = select(workers.c.name, workers.c.clock_ahead).where(
            workers.c.seen_at >= earliest, workers.c.clock_ahead.is_not(None)
        )
        found = self._connection.execute(query.order_by(workers.c.name)).tuples()
        return {name: timedelta(seconds=ahead) for name, ahead in found}

    def loaded(self, process: str, worker: str, plans: Mapping[str, str]) -> None:
        """Note that a process is alive, with its plans; forget those that died long ago."""
        now = database_time(self._connection)
        row = {"name": process, "worker": worker, "plans": dict(plans), "seen_at": now}
        upsert(self._connection, worker_processes, row, ["name"])
        long_ago = database_time(self._connection, plus=-_FORGOTTEN_AFTER)
        dead = worker_processes.c.seen_at < long_ago
        self._connection.execute(delete(worker_processes).where(dead))

    def slots(self, deployment: str, within: timedelta) -> int:
        """How many processes seen within that time have loaded a deployment."""
        return sum(deployment in plans for plans in self._plans(within))

    def plans(self, deployment: str, within: timedelta) -> frozenset[str]:
        """Digests of the plans that processes seen within that time have of a deployment."""
        found = self._plans(within)
        return frozenset(plans[deployment] for plans in found if deployment in plans)

    def _plans(self, within: timedelta) -> Sequence[Mapping[str, str]]:
        earliest = database_time(self._connection, plus=-within)
        query = select(worker_processes.c.plans).where(worker_processes.c.seen_at >= earliest)
        return self._connection.execute(query).scalars().all()
