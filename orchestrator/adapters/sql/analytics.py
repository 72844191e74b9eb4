"""The tallies of closed reviews in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    ScalarSelect,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.rows import insert_new
from orchestrator.adapters.sql.schema import (
    checkpoints,
    executions,
    review_is_closed,
    review_tallies,
    review_tally_mark,
    reviews,
    task_runs,
)
from orchestrator.domain.analytics import Key, Sum, TallyKind
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.closed_review import ClosedReview
from orchestrator.domain.timeline import SWEEP
from orchestrator.ports import Position

_c, _t, _m = reviews.c, review_tallies.c, review_tally_mark.c
_THE_MARK = 1
_ROW = ("day", "deployment", "what", "label", "counts")

RowKey: TypeAlias = tuple[str, str, str, str]
Counts: TypeAlias = dict[str, tuple[int, float]]
"""How many and how much, by class: the keys of JSON are texts."""

_before = reviews.alias()


def _spent_on(review: FromClause) -> ScalarSelect[Any]:
    """What the step of a flow cost that was put before a person in a review."""
    ask = checkpoints.alias()
    return (
        select(ask.c.usage)
        .where(ask.c.execution_id == review.c.execution_id, ask.c.review_id == review.c.id)
        .where(ask.c.cause == Cause.ASK)
        .limit(1)
        .correlate(review)
        .scalar_subquery()
    )


_SPENT_BEFORE = (
    select(_spent_on(_before))
    .where(_before.c.execution_id == _c.execution_id, _before.c.task_name == _c.task_name)
    .where(_before.c.round == _c.round - 1, _before.c.outcome.is_not(None))
    .limit(1)
    .correlate(reviews)
    .scalar_subquery()
)
"""Of the round before; NULL where there was none that ended with an option."""

_INHERITED = (
    exists()
    .where(executions.c.id == _c.execution_id, executions.c.forked_from.is_not(None))
    .where(executions.c.created_at > _c.created_at)
    .correlate(reviews)
)
_UNASKED = and_(_c.token_hash.is_(None), _c.created_at == _c.closed_at)

_CLOSED = (
    select(
        _c.id,
        _c.deployment,
        _c.task_name,
        func.coalesce(_c.reviewer, _c.actor, "").label("person"),
        _c.state,
        _c.approved,
        _c.outcome,
        _c.edited_output_id.is_not(None).label("edited"),
        _c.round,
        _c.created_at,
        _c.closed_at,
        _c.sla_at,
        _c.expires_at,
        task_runs.c.usage.label("tokens"),
        case((_c.approved.is_(False), _spent_on(reviews))).label("step_tokens"),
        case((and_(_c.approved.is_(None), _c.round > 1), _SPENT_BEFORE)).label("before"),
        func.coalesce(_c.actor == SWEEP, false()).label("automatic"),
        _INHERITED.label("inherited"),
        _UNASKED.label("unasked"),
    )
    .outerjoin(
        task_runs,
        and_(
            task_runs.c.id == _c.task_run_id,
            task_runs.c.path == _c.path,  # a flow's run goes on beyond the step that is judged
            _c.approved.is_(False),
        ),
    )
    .where(review_is_closed)
    .order_by(_c.closed_at, _c.id)
)


class SqlAnalytics:
    """Keeps ``ports.Analytics``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def mark(self) -> Position | None:
        """The place, by the time of closing, up to which all are in the tallies."""
        row = self._connection.execute(select(_m.closed_at, _m.review_id)).first()
        return None if row is None else Position(*row)

    def closed(
        self,
        after: Position | None,
        until: datetime,
        limit: int,
        since: datetime | None = None,
        deployments: Collection[str] | None = None,
    ) -> tuple[ClosedReview, ...]:
        """Reviews that were closed beyond that place and before then, the oldest first."""
        query = _CLOSED.where(_c.closed_at < until, among(_c.deployment, deployments))
        if since is not None:
            query = query.where(_c.closed_at >= since)
        if after is not None:
            place = (literal(after.created_at, _c.closed_at.type), literal(after.id, _c.id.type))
            query = query.where(tuple_(_c.closed_at, _c.id) > tuple_(*place))
            # Said by itself too: PostgreSQL thinks of a row's comparison that it leaves many.
            query = query.where(_c.closed_at >= after.created_at)
        rows = self._connection.execute(query.limit(limit))
        return tuple(map(_closed_review, rows.mappings()))

    def add(self, before: Position | None, after: Position, sums: Mapping[Key, Sum]) -> bool:
        """Add to the tallies, and move the mark; False, and nothing done, where it had moved."""
        if not self._moved(before, after):
            return False
        self._write(_by_row(sums))
        return True

    def _write(self, found: Mapping[RowKey, Counts]) -> None:
        """Add to the rows; whoever moved the mark is alone at it."""
        if not found:
            return
        days = sorted({day for day, *_ in found})
        for key, counts in self._rows(_t.day.between(days[0], days[-1])):
            if key in found:
                _add_to(found[key], counts)
        adding = self._insert(review_tallies)
        rows = [dict(zip(_ROW, (*key, found[key]), strict=True)) for key in sorted(found)]
        more = {"counts": adding.excluded.counts}
        self._connection.execute(
            adding.on_conflict_do_update(index_elements=_ROW[:-1], set_=more), rows
        )

    def _rows(self, *meant: ColumnElement[bool]) -> Iterator[tuple[RowKey, Counts]]:
        query = select(_t.day, _t.deployment, _t.what, _t.label, _t.counts).where(*meant)
        for day, deployment, what, label, counts in self._connection.execute(query):
            yield (day, deployment, what, label), counts

    def _moved(self, before: Position | None, after: Position) -> bool:
        values = {"closed_at": after.created_at, "review_id": after.id}
        if before is None:
            first = {"id": _THE_MARK, **values}
            return insert_new(self._connection, review_tally_mark, first, ["id"])
        this = update(review_tally_mark).where(_m.review_id == before.id)
        return self._connection.execute(this.values(values)).rowcount == 1

    def _insert(self, table: Any) -> Any:
        is_postgres = self._connection.dialect.name == "postgresql"
        return (postgresql if is_postgres else sqlite).insert(table)

    def sums(self, first: str, last: str, deployments: Collection[str] | None) -> dict[Key, Sum]:
        """The tallies of these days, both included; by day those of outcomes, else all together."""
        meant = (_t.day.between(first, last), among(_t.deployment, deployments))
        together: dict[RowKey, Counts] = {}
        for (day, *rest), counts in self._rows(*meant):
            told = day if rest[1] == TallyKind.OUTCOME.value else ""
            _add_to(together.setdefault((told, rest[0], rest[1], rest[2]), {}), counts)
        return {
            Key(day, deployment, TallyKind(what), label, int(place)): Sum(int(count), amount)
            for (day, deployment, what, label), counts in together.items()
            for place, (count, amount) in counts.items()
        }


def _by_row(sums: Mapping[Key, Sum]) -> dict[RowKey, Counts]:
    found: dict[RowKey, Counts] = {}
    for key, each in sums.items():
        counts = found.setdefault((key.day, key.deployment, key.what.value, key.label), {})
        counts[str(key.place)] = (each.reviews, each.amount)
    return found


def _add_to(counts: Counts, others: Counts) -> None:
    for place, (count, amount) in others.items():
        had = counts.get(place)
        counts[place] = (count + had[0], amount + had[1]) if had else (count, amount)


def _closed_review(row: RowMapping) -> ClosedReview:
    values = dict(row)
    step, before = values.pop("step_tokens"), values["before"]
    values["tokens"] = _tokens(values["tokens"]) or _tokens(step)
    values["before"] = None if before is None else _tokens(before)
    return ClosedReview(**values)


def _tokens(usage: Any) -> int:
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) else 0
