from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.retry import (
    DELIVERY_DELAYS,
    delivery_due_again_at,
    publish_again_at,
    task_due_again_at,
)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("publishes", "seconds"),
    [(0, 60), (1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (6, 900), (10**9, 900)],
)
def test_a_row_is_published_again_after_doubling_times(publishes: int, seconds: int) -> None:
    assert publish_again_at(AT, publishes) == AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (99, 30)]
)
def test_a_task_is_due_again_after_doubling_times(attempts: int, seconds: int) -> None:
    assert task_due_again_at(AT, attempts) == AT + timedelta(seconds=seconds)


def test_a_delivery_has_ten_attempts_over_75_hours_and_35_minutes() -> None:
    assert len(DELIVERY_DELAYS) == 10
    assert sum(DELIVERY_DELAYS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 300), (3, 1_800), (9, 86_400), (10, None), (11, None)]
)
def test_a_delivery_is_due_again_by_its_schedule(attempts: int, seconds: int | None) -> None:
    expected = None if seconds is None else AT + timedelta(seconds=seconds)

    assert delivery_due_again_at(AT, attempts, jitter=0) == expected


@given(attempts=st.integers(1, 9), jitter=st.floats(-1, 1))
def test_jitter_moves_a_delivery_by_a_fifth_of_its_delay_at_most(
    attempts: int, jitter: float
) -> None:
    delay = delivery_due_again_at(AT, attempts, jitter) - AT

    assert abs(delay - DELIVERY_DELAYS[attempts]) <= DELIVERY_DELAYS[attempts] / 5


@given(jitter=st.floats(-1, 1))
def test_no_jitter_makes_a_later_delay_shorter(jitter: float) -> None:
    times = [delivery_due_again_at(AT, attempts, jitter) for attempts in range(1, 10)]

    assert all(earlier < later for earlier, later in pairwise(times))
