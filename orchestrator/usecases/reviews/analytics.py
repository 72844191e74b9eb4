"""Figures of closed reviews: the sweep counts them, and who asks adds what came since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from orchestrator.domain.analytics import Analytics, analytics, tallied
from orchestrator.domain.closed_review import ClosedReview
from orchestrator.domain.permission import Scope
from orchestrator.errors import Invalid
from orchestrator.ports import Ports, Position, Transaction

BATCH = 5_000
"""How many closed reviews are counted in one transaction."""

MOST_UNCOUNTED = 20_000
"""How many that are not in the tallies yet are counted while somebody waits for the figures."""

SETTLED = timedelta(minutes=5)
"""What was closed longer ago is committed: no transaction takes as long."""

WAITS = timedelta(minutes=10)
"""How long closed reviews are left to come together before the sweep counts them."""

DAYS, MOST_DAYS = 30, 1100
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The days that are meant, both included, in UTC, and the deployments."""

    since: date
    until: date
    scope: Scope


@dataclass(frozen=True, slots=True)
class ReviewFigures:
    """The figures of these days. ``is_behind`` says that the newest reviews are not in them yet."""

    since: date
    until: date
    analytics: Analytics
    is_behind: bool = False


def asked(now: datetime, since: date | None, until: date | None, scope: Scope) -> Period:
    """By default the last thirty days. Raises Invalid."""
    last = until or now.astimezone(UTC).date()
    first = since or max(date.min, last - min(DAYS - 1, (last - date.min).days) * _DAY)
    if first > last:
        raise Invalid("'since' must not be after 'until'.", {"since": "is after 'until'"})
    if (last - first).days >= MOST_DAYS:
        message = f"Ask for at most {MOST_DAYS} days."
        raise Invalid(message, {"since": message})
    return Period(first, last, scope)


def figures(ports: Ports, wanted: Period) -> ReviewFigures:
    """Read them."""
    names = wanted.scope.names
    begin = datetime.combine(wanted.since, time(), UTC)
    end = datetime.combine(wanted.until, time.max, UTC)

    def read(tx: Transaction) -> ReviewFigures:
        days = (wanted.since.isoformat(), wanted.until.isoformat())
        sums = tx.analytics.sums(*days, names)
        newest = tx.analytics.closed(tx.analytics.mark(), end, MOST_UNCOUNTED + 1, begin, names)
        for key, found in tallied(newest[:MOST_UNCOUNTED]).items():
            sums[key] = sums[key].plus(found) if key in sums else found
        is_behind = len(newest) > MOST_UNCOUNTED
        return ReviewFigures(wanted.since, wanted.until, analytics(sums), is_behind)

    return ports.store.read(read)


def count_closed(ports: Ports) -> int:
    """Add reviews that are not in the tallies yet, a batch of them; returns how many."""

    def read(tx: Transaction) -> tuple[Position | None, tuple[ClosedReview, ...]]:
        mark = tx.analytics.mark()
        return mark, tx.analytics.closed(mark, tx.now() - SETTLED, BATCH)

    mark, found = ports.store.read(read)
    if not found:
        return 0
    last = Position(found[-1].closed_at, found[-1].id)
    sums = tallied(found)
    moved = ports.store.transact(lambda tx: tx.analytics.add(mark, last, sums))
    return len(found) if moved else 0


def are_uncounted(tx: Transaction) -> bool:
    """Whether a review has waited long to be counted."""
    return bool(tx.analytics.closed(tx.analytics.mark(), left_uncounted_until(tx.now()), 1))


def left_uncounted_until(now: datetime) -> datetime:
    """Reviews that were closed after that time are left to come together."""
    return now - SETTLED - WAITS
