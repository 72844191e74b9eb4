"""What is counted of closed reviews, and the figures that are read from it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orchestrator.domain.analytics import (
    LONGEST_LABEL,
    Analytics,
    Kept,
    Key,
    Outcomes,
    Rejected,
    Rounds,
    Sum,
    TallyKind,
    Times,
    Volume,
    analytics,
    class_of,
    share,
    tallied,
)
from orchestrator.domain.closed_review import ClosedReview
from orchestrator.domain.review import ReviewState

CLOSED = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
APPROVED = ClosedReview(
    id="r-1",
    deployment="newsroom",
    task_name="write",
    person="alice",
    state=ReviewState.ANSWERED,
    approved=True,
    outcome=None,
    edited=False,
    round=2,
    created_at=CLOSED - HOUR,
    closed_at=CLOSED,
    sla_at=None,
    expires_at=None,
    tokens=7,
)
AN_HOUR = class_of(3600)

Line = tuple[TallyKind, str, int]


@pytest.mark.parametrize(
    ("changed", "ended"),
    [
        ({}, "approved"),
        ({"edited": True}, "approved with an edited text"),
        ({"approved": False}, "changes wanted"),
        ({"approved": None}, "answered"),
        ({"approved": None, "outcome": "publish"}, "publish"),
        ({"state": ReviewState.WITHDRAWN, "outcome": "publish"}, "withdrawn"),
        ({"state": ReviewState.EXPIRED, "approved": None}, "expired"),
    ],
)
def test_what_became_of_a_review_is_said_in_a_word_or_two(
    changed: dict[str, Any], ended: str
) -> None:
    assert replace(APPROVED, **changed).ended == ended


def lines(**changed: Any) -> dict[Line, Sum]:
    """What is counted of one review."""
    return {key[2:]: each for key, each in tallied([replace(APPROVED, **changed)]).items()}


OF_AN_ANSWER = {
    (TallyKind.TASK, "write", AN_HOUR): Sum(1),
    (TallyKind.PERSON, "alice", AN_HOUR): Sum(1),
}


@pytest.mark.parametrize(
    ("changed", "counted"),
    [
        ({}, {(TallyKind.OUTCOME, "approved", 0): Sum(1), (TallyKind.ROUNDS, "", 2): Sum(1)}),
        (
            {"approved": False},
            {
                (TallyKind.OUTCOME, "changes wanted", 0): Sum(1),
                (TallyKind.REJECTED, "write", 0): Sum(1, 7),
            },
        ),
        (
            {"approved": None, "outcome": "revise", "before": 5},
            {(TallyKind.OUTCOME, "revise", 0): Sum(1), (TallyKind.REJECTED, "write", 0): Sum(1, 5)},
        ),
        ({"approved": None}, {(TallyKind.OUTCOME, "answered", 0): Sum(1)}),
        (
            {"sla_at": CLOSED, "expires_at": CLOSED + HOUR},
            {
                (TallyKind.OUTCOME, "approved", 0): Sum(1),
                (TallyKind.ROUNDS, "", 2): Sum(1),
                (TallyKind.TARGET, "", 1): Sum(1),
                (TallyKind.DEADLINE, "", 1): Sum(1),
            },
        ),
        (
            {"sla_at": CLOSED - HOUR / 2, "expires_at": CLOSED},
            {
                (TallyKind.OUTCOME, "approved", 0): Sum(1),
                (TallyKind.ROUNDS, "", 2): Sum(1),
                (TallyKind.TARGET, "", 0): Sum(1),
                (TallyKind.DEADLINE, "", 1): Sum(1),
            },
        ),
    ],
    ids=["approved", "rejected", "asked again", "answered", "in time", "late"],
)
def test_of_an_answer_its_time_its_outcome_and_its_terms_are_counted(
    changed: dict[str, Any], counted: dict[Line, Sum]
) -> None:
    assert lines(**changed) == OF_AN_ANSWER | counted


def test_what_a_rule_answered_is_nobodys_time_and_keeps_no_target() -> None:
    assert lines(automatic=True, sla_at=CLOSED + HOUR) == {
        (TallyKind.OUTCOME, "approved", 0): Sum(1),
        (TallyKind.ROUNDS, "", 2): Sum(1),
        (TallyKind.TARGET, "", 0): Sum(1),
    }


def test_what_expired_missed_its_terms() -> None:
    expired = {"state": ReviewState.EXPIRED, "approved": None, "before": 4}
    assert lines(**expired, sla_at=CLOSED + HOUR, expires_at=CLOSED) == {
        (TallyKind.OUTCOME, "expired", 0): Sum(1),
        (TallyKind.REJECTED, "write", 0): Sum(1, 4),
        (TallyKind.TARGET, "", 0): Sum(1),
        (TallyKind.DEADLINE, "", 0): Sum(1),
    }


def test_of_what_was_withdrawn_only_that_is_counted() -> None:
    withdrawn = {"state": ReviewState.WITHDRAWN, "approved": None, "before": 4}
    assert lines(**withdrawn, sla_at=CLOSED + HOUR) == {(TallyKind.OUTCOME, "withdrawn", 0): Sum(1)}


@pytest.fixture
def here_is_auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("here_is_auckland")
def test_a_day_is_one_in_utc() -> None:
    in_auckland = datetime(2026, 2, 1, 1, tzinfo=timezone(13 * HOUR))
    days = {key.day for key in tallied([replace(APPROVED, closed_at=in_auckland)])}
    assert days == {"2026-01-31"}


def test_what_is_alike_is_counted_together_and_a_long_name_is_cut() -> None:
    long = replace(APPROVED, approved=False, task_name="x" * (LONGEST_LABEL + 1))
    found = tallied([long, replace(long, tokens=5), replace(long, deployment="desk")])
    key = Key("2026-01-31", "newsroom", TallyKind.REJECTED, "x" * LONGEST_LABEL, 0)
    assert found[key] == Sum(2, 12)
    assert found[key._replace(deployment="desk")] == Sum(1, 7)


@pytest.mark.parametrize("seconds", [1.0, 2.5, 60.0, 86_400.0, 3e7])
def test_a_time_is_read_from_its_class_to_a_tenth(seconds: float) -> None:
    assert share({class_of(seconds): 1}, 0.5) == pytest.approx(seconds, rel=0.1)


def test_what_is_under_a_second_is_in_the_first_class() -> None:
    assert (class_of(0.0), class_of(0.2), class_of(1.0), class_of(1.3)) == (0, 0, 0, 1)


def test_a_share_is_the_time_that_so_many_took_at_most() -> None:
    classes = {9: 5, 3: 5}
    short, long = share({3: 1}, 1), share({9: 1}, 1)
    assert [share(classes, part) for part in (0.1, 0.5, 0.51, 0.9)] == [short, short, long, long]
    assert share({}, 0.5) == 0.0


def key(what: TallyKind, label: str = "", place: int = 0, **of: str) -> Key:
    return Key(of.get("day", ""), of.get("deployment", "newsroom"), what, label, place)


def test_nothing_has_no_figures() -> None:
    assert analytics({}) == Analytics((), (), (), (), (), (), (), (), ())


def test_times_are_of_deployments_tasks_and_persons() -> None:
    sums = {
        key(TallyKind.TASK, "write", 3): Sum(1),
        key(TallyKind.TASK, "print", 3): Sum(2),
        key(TallyKind.TASK, "write", 9): Sum(3),
        key(TallyKind.TASK, "write", 9, deployment="desk"): Sum(1),
        key(TallyKind.PERSON, "alice", 3): Sum(2),
        key(TallyKind.PERSON, "alice", 3, deployment="desk"): Sum(1),
        key(TallyKind.PERSON, "bob", 9): Sum(4),
    }
    short, long = share({3: 1}, 1), share({9: 1}, 1)
    found = analytics(sums)
    assert found.by_deployment == (
        Times("newsroom", None, None, 6, short, long),
        Times("desk", None, None, 1, long, long),
    )
    assert found.by_task == (
        Times("newsroom", "write", None, 4, long, long),
        Times("newsroom", "print", None, 2, short, short),
        Times("desk", "write", None, 1, long, long),
    )
    assert found.by_person == (
        Times(None, None, "bob", 4, long, long),
        Times(None, None, "alice", 3, short, short),
    )


def test_days_and_weeks_are_told_without_a_gap() -> None:
    sums = {
        key(TallyKind.OUTCOME, "approved", day="2026-01-31"): Sum(2),
        key(TallyKind.OUTCOME, "expired", day="2026-01-31"): Sum(1),
        key(TallyKind.OUTCOME, "approved", day="2026-02-02"): Sum(4),
        key(TallyKind.ROUNDS, place=1, day="2026-02-03"): Sum(4),
        key(TallyKind.OUTCOME, "approved"): Sum(9),
    }
    found = analytics(sums)
    assert found.days == (
        Volume("2026-01-31", 3),
        Volume("2026-02-01", 0),
        Volume("2026-02-02", 4),
    )
    assert found.weeks == (Volume("2026-01-26", 3), Volume("2026-02-02", 4))


def test_a_week_has_all_of_its_days() -> None:
    days = ("2026-01-26", "2026-01-27", "2026-02-01", "2026-02-16")
    sums = {key(TallyKind.OUTCOME, "approved", day=day): Sum(1) for day in days}
    assert analytics(sums).weeks == (
        Volume("2026-01-26", 3),
        Volume("2026-02-02", 0),
        Volume("2026-02-09", 0),
        Volume("2026-02-16", 1),
    )


def test_the_largest_outcomes_and_rejections_come_first() -> None:
    sums = {
        key(TallyKind.OUTCOME, "approved", day="2026-01-31"): Sum(1),
        key(TallyKind.OUTCOME, "expired", day="2026-01-31"): Sum(4),
        key(TallyKind.OUTCOME, "approved", day="2026-02-01"): Sum(2),
        key(TallyKind.REJECTED, "print"): Sum(9, 10),
        key(TallyKind.REJECTED, "write"): Sum(1, 99.0),
    }
    found = analytics(sums)
    assert found.outcomes == (
        Outcomes("newsroom", "expired", 4),
        Outcomes("newsroom", "approved", 3),
    )
    assert found.rejected == (
        Rejected("newsroom", "write", 1, 99),
        Rejected("newsroom", "print", 9, 10),
    )


def test_rounds_and_terms_are_told_in_their_order() -> None:
    sums = {
        key(TallyKind.ROUNDS, place=2): Sum(1),
        key(TallyKind.ROUNDS, place=1): Sum(3),
        key(TallyKind.TARGET, place=1): Sum(4),
        key(TallyKind.TARGET, place=0): Sum(5),
        key(TallyKind.DEADLINE, place=1): Sum(6),
        key(TallyKind.TARGET, place=0, deployment="desk"): Sum(7),
    }
    found = analytics(sums)
    assert found.rounds == (Rounds("newsroom", 1, 3), Rounds("newsroom", 2, 1))
    assert found.kept == (
        Kept("desk", "target", 0, 7),
        Kept("newsroom", "deadline", 6, 0),
        Kept("newsroom", "target", 4, 5),
    )
