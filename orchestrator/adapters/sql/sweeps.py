"""What sweeps could not do, in SQL. Only a sweep that fails writes: the others cost nothing."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from orchestrator.adapters.sql.database_clock import read_clock
from orchestrator.adapters.sql.rows import Rows, upsert, values_of
from orchestrator.adapters.sql.schema import failing_steps
from orchestrator.ports import FailingStep

LATELY = timedelta(seconds=30)
"""A step that failed has not failed again for that long: it is mended."""


class SqlSweeps:
    """Keeps ``ports.Sweeps``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, failing_steps, FailingStep)

    def failed(self, step: str, error: str) -> None:
        """Note that a step failed just now; since when it does stays as it was."""
        now = read_clock(self._connection)
        known = {each.step: each.since for each in self.failing()}
        failing = FailingStep(step, known.get(step, now), now, error)
        upsert(self._connection, failing_steps, values_of(failing), ["step"])

    def failing(self) -> tuple[FailingStep, ...]:
        """The steps that failed lately."""
        since = read_clock(self._connection) - LATELY
        query = self._rows.select().where(failing_steps.c.at > since)
        return self._rows.all(query.order_by(failing_steps.c.step))
