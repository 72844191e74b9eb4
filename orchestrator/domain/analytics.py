"""What is counted of reviews that were closed: by day, so that no figure costs a look at each.

Times are counted in classes, each a fifth longer than the one before: what is read from them is
right to a tenth.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from typing import NamedTuple, TypeVar

from orchestrator.domain.closed_review import ClosedReview
from orchestrator.domain.review import ReviewState

LONGEST_LABEL = 200
_RATIO = 1.2


class TallyKind(StrEnum):
    """What a tally counts. Its label and its class are those of the same line."""

    TASK = "task"
    """Answered reviews of a task, by the class of the time that they took."""
    PERSON = "person"
    """The same of whoever answered."""
    OUTCOME = "outcome"
    """Closed reviews, by what became of them."""
    ROUNDS = "rounds"
    """Approved reviews, by their round."""
    TARGET = "target"
    """Reviews with a target: class 1 was kept, 0 missed."""
    DEADLINE = "deadline"
    """The same of those with a time at which they expire."""
    REJECTED = "rejected"
    """Rounds of a task or method after which it ran again; the amount are the tokens they cost."""


class Key(NamedTuple):
    """Of which day (UTC, ``2026-01-31``) and deployment, and of what, a tally is."""

    day: str
    deployment: str
    what: TallyKind
    label: str
    place: int


class Sum(NamedTuple):
    """How many, and how much."""

    reviews: int = 0
    amount: float = 0

    def plus(self, other: Sum) -> Sum:
        """Both together."""
        return Sum(self.reviews + other.reviews, self.amount + other.amount)


def tallied(reviews: Iterable[ClosedReview]) -> dict[Key, Sum]:
    """Count them."""
    sums: defaultdict[Key, Sum] = defaultdict(Sum)
    for review in reviews:
        day = review.closed_at.astimezone(UTC).date().isoformat()
        for what, label, place, amount in _counted(review):
            key = Key(day, review.deployment, what, label[:LONGEST_LABEL], place)
            sums[key] = sums[key].plus(Sum(1, amount))
    return dict(sums)


def _counted(review: ClosedReview) -> Iterable[tuple[TallyKind, str, int, float]]:
    if review.inherited:
        return ()
    if not review.unasked:
        return _lines(review)
    is_rejected = review.approved is False
    return [(TallyKind.REJECTED, review.task_name, 0, review.tokens)] if is_rejected else ()


def _lines(review: ClosedReview) -> Iterable[tuple[TallyKind, str, int, float]]:
    yield TallyKind.OUTCOME, review.ended, 0, 0
    if review.state is ReviewState.WITHDRAWN:
        return
    if review.before is not None:
        yield TallyKind.REJECTED, review.task_name, 0, review.before
    is_answered = review.state is ReviewState.ANSWERED
    for what, by in ((TallyKind.TARGET, review.sla_at), (TallyKind.DEADLINE, review.expires_at)):
        if by is not None:
            is_kept = is_answered and not review.automatic and review.closed_at <= by
            yield what, "", int(is_kept), 0
    if not is_answered:
        return
    place = class_of((review.closed_at - review.created_at).total_seconds())
    if not review.automatic:
        yield TallyKind.TASK, review.task_name, place, 0
        yield TallyKind.PERSON, review.person, place, 0
    if review.approved:
        yield TallyKind.ROUNDS, "", review.round, 0
    if review.approved is False:
        yield TallyKind.REJECTED, review.task_name, 0, review.tokens


def class_of(seconds: float) -> int:
    """The class of a length of time; what is under a second is in the first."""
    return math.floor(math.log(max(seconds, 1.0), _RATIO))


def share(classes: Mapping[int, int], part: float) -> float:
    """The seconds that this part of all took at most: 0.5 for the median. 0 of none."""
    left = part * sum(classes.values())
    for place in sorted(classes):
        left -= classes[place]
        if left <= 0:
            return float(_RATIO ** (place + 0.5))
    return 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """How long answers took: the median and what nine of ten took at most, in seconds.

    Of a deployment, of one of its tasks, or of a person.
    """

    deployment: str | None
    task_name: str | None
    person: str | None
    reviews: int
    median_seconds: float
    p90_seconds: float


@dataclass(frozen=True, slots=True)
class Volume:
    """How many reviews were closed on a day, or in a week that begins with that day (UTC)."""

    day: str
    reviews: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many reviews of a deployment ended so."""

    deployment: str
    outcome: str
    reviews: int


@dataclass(frozen=True, slots=True)
class Rounds:
    """How many approvals of a deployment came in that round."""

    deployment: str
    rounds: int
    approvals: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How often a deployment's target, or deadline, was kept and missed."""

    deployment: str
    term: str
    kept: int
    missed: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rounds of a task in which changes were wanted, and the tokens that they cost."""

    deployment: str
    task_name: str
    rounds: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Analytics:
    """The figures of some days, the largest first; days, weeks and rounds in their order."""

    by_deployment: tuple[Times, ...]
    by_task: tuple[Times, ...]
    by_person: tuple[Times, ...]
    days: tuple[Volume, ...]
    weeks: tuple[Volume, ...]
    outcomes: tuple[Outcomes, ...]
    rounds: tuple[Rounds, ...]
    kept: tuple[Kept, ...]
    rejected: tuple[Rejected, ...]


def analytics(sums: Mapping[Key, Sum]) -> Analytics:
    """Read the figures from tallies; where their ``day`` is empty they are not told by day."""
    by_day: Counter[str] = Counter()
    for key, found in sums.items():
        if key.what is TallyKind.OUTCOME and key.day:
            by_day[key.day] += found.reviews
    by_week: Counter[str] = Counter()
    for day, count in by_day.items():
        by_week[_monday(day)] += count
    few = {
        key: each
        for key, each in sums.items()
        if key.what not in (TallyKind.TASK, TallyKind.PERSON)
    }
    counts = _grouped(few, lambda key: (key.what, key.deployment, key.label, key.place))
    return Analytics(
        by_deployment=_times(sums, TallyKind.TASK, lambda key: (key.deployment, None, None)),
        by_task=_times(sums, TallyKind.TASK, lambda key: (key.deployment, key.label, None)),
        by_person=_times(sums, TallyKind.PERSON, lambda key: (None, None, key.label)),
        days=_volumes(by_day, 1),
        weeks=_volumes(by_week, 7),
        outcomes=tuple(
            Outcomes(deployment, label, found.reviews)
            for (what, deployment, label, _), found in sorted(
                counts.items(), key=lambda each: -each[1].reviews
            )
            if what is TallyKind.OUTCOME
        ),
        rounds=tuple(
            Rounds(deployment, place, found.reviews)
            for (what, deployment, _, place), found in sorted(counts.items())
            if what is TallyKind.ROUNDS
        ),
        kept=_kept(few),
        rejected=tuple(
            Rejected(deployment, label, found.reviews, int(found.amount))
            for (what, deployment, label, _), found in sorted(
                counts.items(), key=lambda each: -each[1].amount
            )
            if what is TallyKind.REJECTED
        ),
    )


K = TypeVar("K")
Named = tuple[str | None, str | None, str | None]


def _grouped(sums: Mapping[Key, Sum], by: Callable[[Key], K]) -> dict[K, Sum]:
    grouped: defaultdict[K, Sum] = defaultdict(Sum)
    for key, found in sums.items():
        grouped[by(key)] = grouped[by(key)].plus(found)
    return dict(grouped)


def _times(
    sums: Mapping[Key, Sum], what: TallyKind, by: Callable[[Key], Named]
) -> tuple[Times, ...]:
    classes: defaultdict[Named, Counter[int]] = defaultdict(Counter)
    for key, found in sums.items():
        if key.what is what:
            classes[by(key)][key.place] += found.reviews
    times = (
        Times(*name, counted.total(), share(counted, 0.5), share(counted, 0.9))
        for name, counted in classes.items()
    )
    return tuple(sorted(times, key=lambda each: -each.reviews))


def _kept(sums: Mapping[Key, Sum]) -> tuple[Kept, ...]:
    terms = (TallyKind.TARGET, TallyKind.DEADLINE)
    found = _grouped(
        {key: each for key, each in sums.items() if key.what in terms},
        lambda key: (key.deployment, key.what.value, key.place),
    )
    names = sorted({(deployment, term) for deployment, term, _ in found})
    return tuple(
        Kept(*name, found.get((*name, 1), Sum()).reviews, found.get((*name, 0), Sum()).reviews)
        for name in names
    )


def _volumes(counted: Mapping[str, int], step: int) -> tuple[Volume, ...]:
    """From the first to the last of these days, with those on which there was nothing."""
    if not counted:
        return ()
    first, last = (date.fromisoformat(each(counted)).toordinal() for each in (min, max))
    days = (date.fromordinal(each).isoformat() for each in range(first, last + 1, step))
    return tuple(Volume(day, counted.get(day, 0)) for day in days)


def _monday(day: str) -> str:
    at = date.fromisoformat(day)
    return date.fromordinal(at.toordinal() - at.weekday()).isoformat()
