"""What is counted as it happens: triggers append deltas, the sweep folds them, readers add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, Select, delete, func, select, true, union_all
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator.adapters.sql.rows import MOST
from orchestrator.adapters.sql.schema import tallies, tally_deltas

_t, _d = tallies.c, tally_deltas.c
_KEY = ("what", "deployment", "label")

# What came in a flood and was folded leaves its pages behind in PostgreSQL: read by their index,
# between the first and the last, the few that are there cost what they would without.
_one, _other = tally_deltas.alias(), tally_deltas.alias()
_first = select(_one.c.id).order_by(_one.c.id).limit(1).scalar_subquery()
_last = select(_other.c.id).order_by(_other.c.id.desc()).limit(1).scalar_subquery()
ARE_THERE = _d.id.between(_first, _last)


def counted(*what: str, labels: Sequence[str] | None = None) -> Select[tuple[str, str, str, float]]:
    """The query for ``what, deployment, label, amount`` of what is not 0, with these labels."""
    parts = []
    for c, where in ((_t, true()), (_d, ARE_THERE)):
        part = select(c.what, c.deployment, c.label, c.amount).where(where, c.what.in_(what))
        parts.append(part if labels is None else part.where(c.label.in_(labels)))
    both = union_all(*parts).subquery()
    key = (both.c.what, both.c.deployment, both.c.label)
    amount = func.sum(both.c.amount)
    return select(*key, amount.label("amount")).group_by(*key).having(amount != 0)


_SO_MANY = select(func.count()).select_from(select(_d.id).where(ARE_THERE).limit(MOST).subquery())


def _are_many(connection: Connection, least: int) -> bool:
    """Whether that many deltas have come; it looks at no more."""
    count: int = connection.execute(_SO_MANY, {"most": least}).scalar_one()
    return count >= least


def fold(connection: Connection, least: int, most: int) -> int:
    """Add up to ``most`` deltas to what they change, where ``least`` have come; returns how many.

    Deltas that another sweep folds just now are left to it.
    """
    if not _are_many(connection, least):
        return 0
    oldest = select(_d.id).order_by(_d.id).limit(most).with_for_update(skip_locked=True)
    taken = delete(tally_deltas).where(_d.id.in_(oldest))
    sums: Counter[tuple[str, str, str]] = Counter()
    folded = connection.execute(taken.returning(_d.what, _d.deployment, _d.label, _d.amount)).all()
    for *key, amount in folded:
        sums[(key[0], key[1], key[2])] += amount
    # In one order, so that two sweeps never wait for each other.
    rows = [dict(zip((*_KEY, "amount"), (*key, sums[key]), strict=True)) for key in sorted(sums)]
    if rows:
        insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
        adding = insert(tallies)
        more = {"amount": _t.amount + adding.excluded.amount}
        connection.execute(adding.on_conflict_do_update(index_elements=_KEY, set_=more), rows)
        connection.execute(delete(tallies).where(_t.amount == 0))
    return len(folded)
