from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from orchestrator.errors import DatabaseAway, Invalid
from orchestrator.usecases.outage import AT_MOST, LONGEST_PAUSE, retry_through_outage


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = [error] * times

    def work() -> str:
        if left:
            raise left.pop()
        return "done"

    return work


def test_what_fails_for_a_while_is_done_in_the_end() -> None:
    assert retry_through_outage(failing(5, DatabaseAway()), lambda _: None) == "done"


def test_what_would_fail_again_is_not_tried_again() -> None:
    pauses: list[float] = []
    with pytest.raises(Invalid):
        retry_through_outage(failing(1, Invalid("no")), pauses.append)
    assert pauses == []


def test_the_pauses_grow_and_end() -> None:
    pauses: list[float] = []
    with pytest.raises(DatabaseAway):
        retry_through_outage(failing(1_000, DatabaseAway()), pauses.append)
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert max(pauses) == LONGEST_PAUSE
    assert sum(pauses) >= AT_MOST


@pytest.mark.parametrize(("why", "said"), [(OSError("reset"), "reset"), (None, "Try again")])
def test_each_wait_is_told_with_its_length_and_with_what_the_driver_said(
    why: Exception | None, said: str
) -> None:
    away = DatabaseAway()
    away.__cause__ = why
    with capture_logs() as lines:
        retry_through_outage(failing(2, away), lambda _: None)

    assert [(each["event"], each["after"]) for each in lines] == [
        ("database is away, trying again", 0.5),
        ("database is away, trying again", 1.0),
    ]
    assert all(said in each["error"] for each in lines)


def test_a_result_outlives_a_database_that_is_away_for_half_an_hour() -> None:
    waited: list[float] = []

    def write() -> str:
        if sum(waited) < timedelta(minutes=30).total_seconds():
            raise DatabaseAway
        return "written"

    assert retry_through_outage(write, waited.append) == "written"
