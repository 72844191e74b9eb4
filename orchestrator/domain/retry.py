"""When something is tried again. Pure: times come in, times go out."""

from __future__ import annotations

from datetime import datetime, timedelta

LEASE = timedelta(seconds=30)
"""How long a claim holds without being renewed."""

RENEWAL = timedelta(seconds=10)
"""How often a live worker renews it."""

LIVES_WITHIN = timedelta(seconds=25)
"""A worker process that gave no sign for that long is dead: two of its signs are missing."""

SHOWN_WITHIN = timedelta(seconds=45)
"""People are told later that it is gone: on a busy machine signs come late. After an outage leases
of those seen so lately begin anew."""

HEARTBEAT = timedelta(seconds=3)
"""How often the sweeps see whether the database takes a write."""

MISSED = timedelta(seconds=10)
"""After so long without a heartbeat the database counts as having been away.

Less than a live worker has left of its lease at any time, and more than a sweep needs between two
looks.
"""

WENT_BACK = timedelta(seconds=2)
"""A clock that is so much behind the last heartbeat was set back."""

FIRST_PUBLISH_AGAIN = timedelta(seconds=60)
LONGEST_PUBLISH_AGAIN = timedelta(minutes=15)

FIRST_TASK_BACKOFF = timedelta(seconds=1)
LONGEST_TASK_BACKOFF = timedelta(seconds=30)

SHORTEST_PASSING_ON = timedelta(seconds=0.5)
LONGEST_PASSING_ON = timedelta(seconds=5)
"""How soon a run that a worker left to others is published again."""

DELIVERY_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""The delay before each attempt of a delivery: the schedule of the Standard Webhooks
specification, ten attempts over 75 hours and 35 minutes."""


def publish_again_at(now: datetime, publishes: int) -> datetime:
    """When the sweep publishes a row again that was published ``publishes`` times, last at ``now``.

    After 60 s, then doubling up to 15 minutes, so that a backlog is not multiplied.
    """
    return now + _doubling(FIRST_PUBLISH_AGAIN, LONGEST_PUBLISH_AGAIN, publishes)


def pass_on_at(now: datetime, due_at: datetime, longest: timedelta) -> datetime:
    """When a run that has been due since ``due_at``, and was left to other workers, is published.

    After half of what it has waited already: soon at first, and no more often than that pays.
    """
    return now + min(longest, max(SHORTEST_PASSING_ON, (now - due_at) / 2))


def task_due_again_at(now: datetime, attempts: int) -> datetime:
    """When a task whose ``attempts``-th attempt just failed is due again.

    1 s after the first failure, doubling, at most 30 s.
    """
    return now + _doubling(FIRST_TASK_BACKOFF, LONGEST_TASK_BACKOFF, attempts)


def delivery_due_again_at(
    now: datetime, attempts: int, jitter: float, delays: tuple[timedelta, ...] = DELIVERY_DELAYS
) -> datetime | None:
    """When a delivery is due again after ``attempts`` failed attempts, None if that was the last.

    ``jitter`` is drawn from -1 to 1 and moves the delay by up to a fifth of it.
    """
    if attempts >= len(delays):
        return None
    return now + delays[attempts] * (1 + jitter / 5)


def _doubling(first: timedelta, longest: timedelta, count: int) -> timedelta:
    factor: int = 2 ** max(0, min(count, 32) - 1)
    return min(longest, first * factor)
