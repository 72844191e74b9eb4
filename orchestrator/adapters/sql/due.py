"""Whether anything is due at all, in one statement: all that a sweep asks while nothing happens."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    ColumnClause,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from orchestrator.adapters.sql import (
    drains,
    due_deliveries,
    endpoints,
    executions,
    intake,
    mails,
    reviews,
    sessions,
    task_runs,
)
from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.figures import FOLDED_FROM
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.schema import (
    heartbeat,
    review_is_closed,
    review_tally_mark,
    tally_deltas,
)
from orchestrator.adapters.sql.schema import reviews as review_rows
from orchestrator.adapters.sql.tallies import ARE_THERE
from orchestrator.domain import retry

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class SqlDue:
    """Keeps ``ports.Due``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def anything(
        self, now: datetime, finished_before: datetime | None, closed_before: datetime
    ) -> bool:
        """Whether a step of the sweep would find something to do by that time."""
        bound = {
            "now": now,
            "beat_since": now - retry.HEARTBEAT,
            "finished_before": finished_before or _LONG_AGO,
            "closed_before": closed_before,
        }
        return _ANYTHING.first(self._connection, bound) is not None


def _anything() -> Select[tuple[int]]:
    """Each part is what the step itself looks for, and stops at the first row."""
    found = (
        task_runs.LAPSED,
        task_runs.TO_WAKE,
        task_runs.HELD_DEPLOYMENTS,
        due_deliveries.to_wake(),
        endpoints.PAST_PAUSE,
        drains.LAPSED,
        reviews.OVERDUE,
        reviews.DUE,
        intake.LOADED,
        mails.TO_WAKE,
        sessions.TO_WAKE,
        executions.TO_PURGE,
        _uncounted(),
    )
    # Not bound: PostgreSQL makes a new plan each time where a limit is. Without the offset it would
    # leave limit and order out, and read whole tables once it plans for any time that is bound.
    one: ColumnClause[int] = literal_column("1")
    none: ColumnClause[int] = literal_column("0")
    exist = (
        query.with_only_columns(one, maintain_column_froms=True).limit(one).offset(none).exists()
        for query in found
    )
    return select(one).where(or_(~_beat().exists(), _long_tallies().exists(), *exist))


def _beat() -> Select[tuple[int]]:
    """A heartbeat that is neither too old nor of a time to come."""
    c, now = heartbeat.c, bindparam("now", type_=Utc())
    return select(c.id).where(c.at > bindparam("beat_since", type_=Utc()), c.at <= now)


def _long_tallies() -> Select[tuple[int]]:
    """The delta from which on they are folded."""
    return select(tally_deltas.c.id).where(ARE_THERE).limit(1).offset(FOLDED_FROM - 1)


def _uncounted() -> Select[tuple[str]]:
    """Reviews closed before that time, and beyond the mark up to which all are counted."""
    c, mark = review_rows.c, review_tally_mark.c
    at = select(mark.closed_at).scalar_subquery()
    review_id = select(mark.review_id).scalar_subquery()
    beyond = or_(at.is_(None), c.closed_at > at, and_(c.closed_at == at, c.id > review_id))
    return select(c.id).where(
        review_is_closed,
        c.closed_at < bindparam("closed_before"),
        c.closed_at >= func.coalesce(at, literal(_LONG_AGO, Utc())),  # where to begin in the index
        beyond,
    )


ANYTHING = _anything()
_ANYTHING = Prepared(ANYTHING)
