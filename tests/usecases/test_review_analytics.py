"""Figures of closed reviews: what is counted, once, and what is read from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from world import World

from orchestrator.domain.analytics import (
    Analytics,
    analytics,
    class_of,
    share,
    tallied,
)
from orchestrator.domain.closed_review import ClosedReview
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.review import ReviewState
from orchestrator.errors import Invalid
from orchestrator.ports import Ports, Position
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews import analytics as usecase
from orchestrator.usecases.reviews.analytics import ReviewFigures, asked, count_closed, figures
from orchestrator.usecases.reviews.expire import expire_review
from orchestrator.wire.requests import ForkBody, parse

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
APPROVED = ClosedReview(
    *("r", "news", "write", "ann@example.com", ReviewState.ANSWERED, True, None, False, 1),
    *(AT - 10 * MINUTE, AT, None, None),
)


def read(*reviews: ClosedReview) -> Analytics:
    return analytics(tallied(reviews))


@pytest.mark.parametrize("seconds", [1, 7, 59, 3600, 86_400, 2_000_000])
def test_a_time_is_right_to_a_tenth(seconds: float) -> None:
    assert share({class_of(seconds): 1}, 0.5) == pytest.approx(seconds, rel=0.1)


def test_the_median_and_what_nine_of_ten_took() -> None:
    taken = [replace(APPROVED, created_at=AT - n * MINUTE) for n in range(1, 11)]
    (times,) = read(*taken).by_task
    assert (times.deployment, times.task_name, times.reviews) == ("news", "write", 10)
    assert times.median_seconds == pytest.approx(5 * 60, rel=0.1)
    assert times.p90_seconds == pytest.approx(9 * 60, rel=0.1)


def test_what_became_of_reviews_is_counted_by_deployment() -> None:
    rejected = replace(APPROVED, approved=False)
    withdrawn = replace(APPROVED, state=ReviewState.WITHDRAWN, approved=None)
    chosen = replace(APPROVED, approved=None, outcome="send")
    edited = replace(APPROVED, edited=True)
    found = read(APPROVED, APPROVED, rejected, withdrawn, chosen, edited)
    assert {each.outcome: each.reviews for each in found.outcomes} == {
        "approved": 2,
        "approved with an edited text": 1,
        "changes wanted": 1,
        "send": 1,
        "withdrawn": 1,
    }


def test_rounds_are_those_of_approvals_and_rejected_ones_cost_tokens() -> None:
    first = replace(APPROVED, approved=False, tokens=30)
    found = read(first, replace(first, round=2, tokens=12), replace(APPROVED, round=3), APPROVED)
    assert [(each.rounds, each.approvals) for each in found.rounds] == [(1, 1), (3, 1)]
    (cost,) = found.rejected
    assert (cost.task_name, cost.rounds, cost.tokens) == ("write", 2, 42)


def test_a_round_that_led_to_another_one_is_counted_with_that_one() -> None:
    chosen = replace(APPROVED, approved=None, outcome="send", round=2, before=30)
    withdrawn = replace(chosen, state=ReviewState.WITHDRAWN)
    (cost,) = read(chosen, replace(chosen, before=None), withdrawn).rejected
    assert (cost.rounds, cost.tokens) == (1, 30)


@pytest.mark.parametrize("expired", [False, True])
def test_a_flow_s_method_that_is_asked_about_again_had_a_round_rejected(
    a_flow_of_each: Callable[..., World], *, expired: bool
) -> None:
    world = a_flow_of_each("loop", review_timeout=MINUTE if expired else None)
    execution_id = world.halted()
    world.say(execution_id, "review", outcome="revise")
    world.work()
    assert today(world.ports).analytics.rejected == ()
    if expired:
        (review,) = (each.review for each in world.snapshot(execution_id).pending)
        expire_review(world.ports, review)
    else:
        world.say(execution_id, "review", outcome="go")
    found = today(world.ports).analytics
    assert [(each.task_name, each.rounds) for each in found.rejected] == [("review", 1)]


def test_a_target_is_kept_by_an_answer_before_it() -> None:
    kept = replace(APPROVED, sla_at=AT)
    missed = replace(APPROVED, sla_at=AT - MINUTE)
    expired = replace(APPROVED, state=ReviewState.EXPIRED, approved=None, expires_at=AT)
    withdrawn = replace(kept, state=ReviewState.WITHDRAWN)
    found = read(kept, kept, missed, expired, withdrawn)
    assert [(each.term, each.kept, each.missed) for each in found.kept] == [
        ("deadline", 0, 1),
        ("target", 2, 1),
    ]


def test_the_answer_of_a_rule_is_no_persons() -> None:
    automatic = replace(APPROVED, person="sweep", automatic=True, sla_at=AT)
    found = read(automatic, APPROVED)
    assert [(each.person, each.reviews) for each in found.by_person] == [("ann@example.com", 1)]
    assert [each.reviews for each in found.by_task] == [1]
    assert [(each.kept, each.missed) for each in found.kept] == [(0, 1)]
    assert [(each.outcome, each.reviews) for each in found.outcomes] == [("approved", 2)]


def test_volume_is_told_by_day_and_by_week() -> None:
    later = [replace(APPROVED, closed_at=AT + timedelta(days=n)) for n in (0, 0, 1, 7)]
    found = read(*later)
    assert found.days[0].day == "2026-11-24"
    assert [each.reviews for each in found.days] == [2, 1, 0, 0, 0, 0, 0, 1]
    assert [(each.day, each.reviews) for each in found.weeks] == [
        ("2026-11-23", 3),
        ("2026-11-30", 1),
    ]


def test_the_days_that_are_meant() -> None:
    meant = asked(AT, None, None, EVERYWHERE)
    assert (meant.since, meant.until) == (date(2026, 10, 26), date(2026, 11, 24))
    with pytest.raises(Invalid, match="must not be after"):
        asked(AT, date(2026, 2, 2), date(2026, 2, 1), EVERYWHERE)
    with pytest.raises(Invalid, match="at most"):
        asked(AT, date(1, 1, 1), None, EVERYWHERE)
    assert asked(AT, None, date(1, 1, 2), EVERYWHERE).since == date.min


def today(ports: Ports, scope: Scope = EVERYWHERE) -> ReviewFigures:
    return figures(ports, asked(ports.clock.now(), None, None, scope))


@pytest.fixture
def decided(a_world_of_each: Callable[..., World]) -> Ports:
    """A world in which three reviews were answered, in two rounds of one and one of another."""
    world = a_world_of_each("write?")
    for rounds in (2, 1):
        execution_id = world.halted()
        for number in range(rounds):
            world.answer(execution_id, "write", approve=number == rounds - 1)
            world.work()
    return world.ports


def test_what_a_fork_takes_along_was_decided_once(a_world_of_each: Callable[..., World]) -> None:
    world = a_world_of_each("write?", "publish?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True)
    world.work()
    before = today(world.ports).analytics
    body = parse(ForkBody, {"checkpoint": 4})
    fork(world.ports, Fork(execution_id, body, "tests", "tests"))
    assert today(world.ports).analytics == before


def test_work_that_goes_back_to_an_earlier_task_was_decided_once_and_cost_both_their_rounds(
    a_world_of_each: Callable[..., World],
) -> None:
    world = a_world_of_each("research", "write?")
    execution_id = world.halted()
    world.say(execution_id, "write", is_approve=False, rework_from="research")
    found = today(world.ports).analytics
    assert [(each.outcome, each.reviews) for each in found.outcomes] == [("changes wanted", 1)]
    assert [each.reviews for each in found.by_person] == [1]
    assert {each.task_name: each.rounds for each in found.rejected} == {"research": 1, "write": 1}


def uncounted(ports: Ports) -> tuple[ClosedReview, ...]:
    end = datetime.max.replace(tzinfo=UTC)
    return ports.store.read(lambda tx: tx.analytics.closed(tx.analytics.mark(), end, 9))


def test_what_is_counted_by_the_sweep_is_counted_once(
    decided: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = today(decided).analytics
    assert sum(each.reviews for each in before.days) == 3
    assert before.rejected[0].tokens == 15
    monkeypatch.setattr(usecase, "BATCH", 2)
    assert count_closed(decided) == 0
    monkeypatch.setattr(usecase, "SETTLED", -MINUTE)
    in_which_every_step_looks = replace(decided, keep_finished=timedelta(days=1))
    assert sweep(in_which_every_step_looks).counted == 0
    monkeypatch.setattr(usecase, "WAITS", timedelta())
    assert [sweep(decided).counted for _ in range(3)] == [2, 1, 0]
    assert uncounted(decided) == ()
    assert today(decided).analytics == before


def test_two_sweeps_do_not_count_the_same(decided: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    before = today(decided).analytics
    monkeypatch.setattr(usecase, "SETTLED", timedelta(minutes=-1))
    monkeypatch.setattr(usecase, "BATCH", 2)
    found = uncounted(decided)
    first = Position(found[0].closed_at, found[0].id)
    assert [count_closed(decided) for _ in range(2)] == [2, 1]
    mark = decided.store.read(lambda tx: tx.analytics.mark())
    assert mark is not None
    for before_it in (None, first):
        lost = decided.store.transact(
            lambda tx, place=before_it: tx.analytics.add(place, mark, tallied(found))  # type: ignore[misc]
        )
        assert not lost
    assert today(decided).analytics == before


def test_other_deployments_are_not_counted(decided: Ports) -> None:
    assert today(decided, Scope.of("other")).analytics.days == ()


def test_too_many_that_are_not_counted_yet_are_told(
    decided: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usecase, "MOST_UNCOUNTED", 2)
    found = today(decided)
    assert found.is_behind
    assert sum(each.reviews for each in found.analytics.days) == 2
