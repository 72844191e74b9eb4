"""Nobody answers: reminders, the ladder and the automatic answer, each once and never early."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from policies import (
    ANN,
    BEN,
    CAT,
    DAN,
    approves,
    events,
    group_policy,
    hours,
    mails,
    open_review,
    policy,
    recipients_of,
    reviews_of,
    rung,
    says,
)
from structlog.testing import capture_logs
from world import World

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.review_policy import Automatic
from orchestrator.domain.review_terms import Absence
from orchestrator.errors import Invalid, NotFound
from orchestrator.ports import MailIdentity, Transaction
from orchestrator.usecases.operations.audit import newest_entries
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews.absences import begin_absence, end_absence, list_absences
from orchestrator.usecases.reviews.claim import claim
from orchestrator.usecases.reviews.delegate import delegate
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.overdue import see_to_overdue
from orchestrator.usecases.reviews.reassign import reassign
from orchestrator.usecases.reviews.reroute import reroute
from orchestrator.usecases.reviews.snooze import snooze
from orchestrator.usecases.reviews.undeliverable import note_undeliverable

Make = Callable[..., World]
Later = Callable[[float], None]

HOUR = 3600.0

BODIES = (Path(__file__).parents[2] / "docs" / "webhook-bodies.md").read_text(encoding="utf-8")


@pytest.fixture
def halted(a_world: Make, later: Later) -> Callable[..., tuple[World, Review]]:
    """A world whose one review is open, under a rule; mail is on."""

    def make(*addresses: str, **rule: Any) -> tuple[World, Review]:
        creator = rule.pop("creator", None)
        world = a_world("write?", review_policy=policy(*addresses, creator=creator, **rule))
        world.ports = replace(world.ports, mail=MailIdentity("crew@example.com"))
        return world, open_review(world, world.halted())

    return make


def test_reminders_come_again_and_again_and_never_early(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, remind_after=hours(1))
    assert mails(world, review) == [(ANN, "request")]
    later(HOUR - 1)
    sweep(world.ports)
    assert mails(world, review) == [(ANN, "request")]
    for times in (1, 2):
        later(HOUR + 1)
        for _ in range(3):
            sweep(world.ports)
        assert mails(world, review) == [(ANN, "request"), *[(ANN, "reminder")] * times]


def test_a_reminder_offers_no_reply_that_would_come_too_late(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, remind_after=hours(6 * 24))
    for _ in range(2):
        later(6 * 24 * HOUR)
        sweep(world.ports)
    sent = world.ports.store.read(lambda tx: tx.deliveries.of(review.execution_id))
    assert [json.loads(each.body or b"")["takes_replies"] for each in sent] == [True, True, False]


@pytest.mark.parametrize(
    ("rule", "has_tokens"), [({}, True), ({"four_eyes": True}, False), ({"decisions": 2}, False)]
)
def test_webhooks_have_people_s_tokens_only_where_anybody_may_decide(
    a_world: Make, later: Later, rule: dict[str, Any], *, has_tokens: bool
) -> None:
    rules = policy(ANN, BEN, remind_after=hours(1), ladder=(rung(1, CAT),), **rule)
    world = a_world("write?", review_policy=rules, review_webhook="https://hooks.example/x")
    world.ports = replace(world.ports, public_url="https://crews.example")
    execution_id = world.halted()
    later(HOUR)
    sweep(world.ports)
    sent = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    (_, *again) = [json.loads(each.body or b"") for each in sent]
    assert [each["assigned_to"] for each in again] == [CAT, ANN, BEN, CAT]
    assert {"callback_url" in each for each in again} == {has_tokens}


def test_every_key_of_a_notice_and_of_what_follows_is_documented(
    a_flow: Make, later: Later
) -> None:
    rules = policy(ANN, remind_after=hours(1), ladder=(rung(1, CAT),), sla=hours(5))
    world = a_flow("loop", review_policy=rules, review_webhook="https://hooks.example/x")
    execution_id = world.halted()
    later(HOUR)
    sweep(world.ports)
    sent = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    bodies = [json.loads(each.body or b"") for each in sent]
    assert {each["event"] for each in bodies} == {"new_request", "reminder", "escalation"}
    assert set().union(*bodies) <= set(re.findall(r"^\| `(\w+)` \|", BODIES, re.MULTILINE))
    assert all("task_output" not in each for each in bodies[1:])


def test_the_ladder_asks_more_people_and_the_earlier_ones_may_still_answer(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, ladder=(rung(1, BEN), rung(2, BEN, CAT)))
    later(HOUR)
    sweep(world.ports)
    assert mails(world, review) == [(ANN, "request"), (BEN, "escalation")]
    later(HOUR)
    sweep(world.ports)
    assert mails(world, review)[2:] == [(CAT, "escalation")]
    assert open_review(world, review.execution_id).escalate_at is None
    assert [each.rung for each in recipients_of(world, review).values()] == [0, 1, 2]
    climbed = [details for _, details in events(world, review.execution_id, "review.escalate")]
    assert climbed == [{"rung": 1}, {"rung": 2}]
    assert says(world, review, ANN, is_approve=True)["status"] == "completed"


def test_a_claim_that_has_run_out_is_released(a_world: Make, later: Later) -> None:
    world = a_world("write?", review_policy=group_policy(ANN, BEN))
    review = open_review(world, world.halted())
    claim(world.ports, Act(review.id, EVERYWHERE, "tests"), ANN)
    later(2 * HOUR)
    assert sweep(world.ports).overdue_reviews == 1
    assert open_review(world, review.execution_id).claimed_by is None
    released = events(world, review.execution_id, "review.release")
    assert released == [("review.release", {"by": ANN})]


def test_a_review_that_is_not_due_or_was_answered_is_left_alone(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, remind_after=hours(1))
    assert not see_to_overdue(world.ports, review)
    says(world, review, ANN, is_approve=True)
    later(HOUR)
    assert not see_to_overdue(world.ports, review)


def test_whoever_was_asked_before_a_reroute_is_asked_again_by_the_ladder(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, ladder=(rung(1, BEN),))
    later(HOUR)
    sweep(world.ports)
    reroute(world.ports, Act(review.id, EVERYWHERE, "tests"))
    assert not recipients_of(world, review)[BEN].is_asked
    sweep(world.ports)
    assert mails(world, review) == [(ANN, "request"), *[(BEN, "escalation")] * 2]
    assert says(world, review, BEN, is_approve=True)["status"] == "completed"


def test_the_automatic_answer_is_given_once_whatever_number_of_sweeps_run(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, automatic=approves(24))
    later(24 * HOUR - 1)
    sweep(world.ports)
    assert open_review(world, review.execution_id)
    later(1)
    threads = [threading.Thread(target=sweep, args=(world.ports,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = world.snapshot(review.execution_id)
    assert found.execution.state is ExecutionState.SUCCEEDED
    (closed,) = reviews_of(world, review.execution_id)
    assert (closed.actor, closed.channel, closed.approved) == ("sweep", "automatic", True)
    assert len(events(world, review.execution_id, "review.answer")) == 1


def test_an_automatic_rejection_has_the_task_run_again(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    silence = Automatic(hours(1), approved=False, words="Nobody looked at it.")
    world, review = halted(ANN, automatic=silence)
    later(HOUR)
    sweep(world.ports)
    world.work()
    again = open_review(world, review.execution_id)
    assert (again.round, reviews_of(world, review.execution_id)[0].words) == (2, silence.words)


def test_an_answer_that_fits_no_question_leaves_it_to_people(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, automatic=Automatic(hours(1), outcome="ship"))
    later(HOUR)
    sweep(world.ports)
    current = open_review(world, review.execution_id)
    assert "does not fit" in str(current.note)
    assert sweep(world.ports).overdue_reviews == 0
    assert says(world, review, ANN, is_approve=True)["status"] == "completed"


def test_an_automatic_outcome_chooses_an_option(a_flow: Make, later: Later) -> None:
    world = a_flow("loop", review_policy=policy(ANN, automatic=Automatic(hours(1), outcome="Go.")))
    review = open_review(world, world.halted())
    later(HOUR)
    sweep(world.ports)
    (closed,) = reviews_of(world, review.execution_id)
    assert (closed.outcome, closed.approved, closed.channel) == ("go", None, "automatic")


@pytest.mark.parametrize(
    ("asked", "automatic", "why"),
    [
        ("a choice", Automatic(hours(1), outcome="ship"), "it is none of the options"),
        (
            "a judgement",
            Automatic(hours(1), outcome="ship"),
            "it is of another kind than the question",
        ),
        ("a judgement", Automatic(hours(1), approved=False), "the deployment allows 1 rounds"),
    ],
)
def test_why_an_automatic_answer_does_not_fit_is_said(
    a_world: Make, a_flow: Make, later: Later, asked: str, automatic: Automatic, why: str
) -> None:
    rules = {"review_policy": policy(ANN, automatic=automatic), "max_rounds": 1}
    world = a_flow("loop", **rules) if asked == "a choice" else a_world("write?", **rules)
    review = open_review(world, world.halted())
    later(HOUR)
    sweep(world.ports)
    note = f"The automatic answer does not fit: {why}. A person has to decide"
    assert open_review(world, review.execution_id).note == note
    said = events(world, review.execution_id, "review.undecided")
    assert said == [("review.undecided", {"note": note})]


def test_an_answer_that_came_before_the_deadline_wins(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, automatic=approves(1), remind_after=hours(1))
    says(world, review, ANN, is_approve=False, human_feedback="no")
    later(2 * HOUR)
    sweep(world.ports)
    assert reviews_of(world, review.execution_id)[0].approved is False


@pytest.mark.parametrize("after", [1, 2])
def test_an_automatic_answer_that_is_due_by_the_deadline_comes_before_it(
    a_world: Make, later: Later, after: int
) -> None:
    rules = policy(ANN, automatic=approves(after))
    world = a_world("write?", review_policy=rules, review_timeout=timedelta(hours=2))
    review = open_review(world, world.halted())
    later(3 * HOUR)
    swept = sweep(world.ports)
    assert (swept.expired_reviews, swept.overdue_reviews) == (0, 1)
    (closed,) = reviews_of(world, review.execution_id)
    assert (closed.state, closed.approved) == (ReviewState.ANSWERED, True)


def test_where_no_answer_is_automatic_the_deadline_counts(a_world: Make, later: Later) -> None:
    world = a_world("write?", review_policy=policy(ANN), review_timeout=timedelta(hours=2))
    execution_id = world.halted()
    later(3 * HOUR)
    assert sweep(world.ports).expired_reviews == 1
    assert reviews_of(world, execution_id)[0].state is ReviewState.EXPIRED


def test_where_the_automatic_answer_does_not_fit_the_deadline_counts(
    a_world: Make, later: Later
) -> None:
    rules = policy(ANN, automatic=Automatic(hours(1), outcome="ship"))
    world = a_world("write?", review_policy=rules, review_timeout=timedelta(hours=2))
    review = open_review(world, world.halted())
    later(3 * HOUR)
    swept = [sweep(world.ports).expired_reviews for _ in range(2)]
    assert swept == [0, 1]
    assert reviews_of(world, review.execution_id)[0].state is ReviewState.EXPIRED


def test_who_is_away_is_replaced_and_comes_back(a_world: Make, later: Later) -> None:
    world = a_world("write?", review_policy=policy(ANN, ladder=(rung(1, CAT),)))
    now = world.ports.clock.now()
    for who, to in ((ANN, BEN), (CAT, DAN)):
        begin_absence(world.ports, Absence(who, now + timedelta(days=1), to), "tests")
    with pytest.raises(Invalid, match="leads back"):
        begin_absence(world.ports, Absence(BEN, now + timedelta(days=1), ANN), "tests")
    review = open_review(world, world.halted())
    assert [(who, each.reason) for who, each in recipients_of(world, review).items()] == [
        (BEN, f"in place of {ANN} (rule *)")
    ]
    later(HOUR)
    sweep(world.ports)
    assert DAN in recipients_of(world, review)
    end_absence(world.ports, ANN, "tests")
    with pytest.raises(NotFound):
        end_absence(world.ports, ANN, "tests")
    assert [each.address for each in list_absences(world.ports)] == [CAT]
    assert list(recipients_of(world, open_review(world, world.halted()))) == [ANN]


def test_what_becomes_of_absences_is_logged_with_its_actor(a_world: Make) -> None:
    world = a_world("write")
    until = world.ports.clock.now() + timedelta(days=1)
    told = Absence(ANN, until, BEN)
    assert begin_absence(world.ports, told, "cli:ann") == told
    begin_absence(world.ports, Absence(CAT, until), "cli:cat")
    assert [each.address for each in list_absences(world.ports)] == [ANN, CAT]
    end_absence(world.ports, ANN, "token:ben")

    entries = newest_entries(world.ports, 9)[::-1]
    at = until.isoformat()
    assert [(each.actor, each.event, each.subject_id, each.details) for each in entries] == [
        ("cli:ann", "absence.begin", ANN, {"until": at, "to": BEN}),
        ("cli:cat", "absence.begin", CAT, {"until": at}),
        ("token:ben", "absence.end", ANN, {}),
    ]
    assert {each.deployment for each in entries} == {None}
    with pytest.raises(NotFound) as unknown:
        end_absence(world.ports, ANN, "token:ben")
    assert unknown.value.message == f"{ANN} is not away"


def test_an_absence_that_is_over_already_does_not_begin(a_world: Make, later: Later) -> None:
    world = a_world("write")
    later(0)
    now = world.ports.clock.now()
    with pytest.raises(Invalid) as refused:
        begin_absence(world.ports, Absence(ANN, now), "tests")
    assert refused.value.message == "'until' has passed already."
    assert refused.value.details == {"until": "has passed already"}
    assert list_absences(world.ports) == ()


def test_absences_lead_in_a_circle_of_no_length(a_world: Make) -> None:
    world = a_world("write")
    until = world.ports.clock.now() + timedelta(days=1)
    for who, to in ((BEN, CAT), (CAT, DAN)):
        begin_absence(world.ports, Absence(who, until, to), "tests")
    for who, to in ((DAN, BEN), (DAN, CAT), (DAN, DAN)):
        with pytest.raises(Invalid) as refused:
            begin_absence(world.ports, Absence(who, until, to), "tests")
        told = f"{to} is away as well, and that leads back to {DAN}."
        assert (refused.value.message, refused.value.details) == (
            told,
            {"to": "leads in a circle"},
        )
    begin_absence(world.ports, Absence(ANN, until, BEN), "tests")
    assert [each.address for each in list_absences(world.ports)] == [ANN, BEN, CAT]


def test_an_absence_does_not_lead_into_a_circle_that_two_people_made_at_once(a_world: Make) -> None:
    world = a_world("write")
    until = world.ports.clock.now() + timedelta(days=1)
    for who, to in ((BEN, CAT), (CAT, BEN)):
        world.ports.store.transact(
            lambda tx, who=who, to=to: tx.absences.put(Absence(who, until, to))  # type: ignore[misc]  # mypy cannot infer it
        )
    with pytest.raises(Invalid, match="leads back"):
        begin_absence(world.ports, Absence(ANN, until, BEN), "tests")


def test_where_a_whole_step_of_the_ladder_is_away_the_creator_is_asked(
    a_world: Make, later: Later
) -> None:
    rule = policy(ANN, creator=DAN, ladder=(rung(1, ANN), rung(2, BEN)))
    world = a_world("write?", review_policy=rule)
    begin_absence(world.ports, Absence(BEN, world.ports.clock.now() + timedelta(days=5)), "tests")
    review = open_review(world, world.halted())
    later(HOUR)
    sweep(world.ports)
    assert list(recipients_of(world, review)) == [ANN]
    later(HOUR)
    sweep(world.ports)
    assert list(recipients_of(world, review)) == [ANN, DAN]


def test_who_snoozes_is_reminded_when_they_said_and_not_before(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, BEN, remind_after=hours(1))
    act = Act(review.id, EVERYWHERE, "tests")
    with pytest.raises(Invalid, match="has passed"):
        snooze(world.ports, act, ANN, world.ports.clock.now())
    snooze(world.ports, act, ANN, world.ports.clock.now() + timedelta(hours=1, minutes=30))
    later(HOUR)
    sweep(world.ports)
    assert mails(world, review)[2:] == [(BEN, "reminder")]
    later(HOUR / 2)
    sweep(world.ports)
    assert (ANN, "reminder") in mails(world, review)[3:]


@pytest.mark.parametrize(("rule", "times"), [({}, [1]), ({"remind_after": hours(2)}, [1, 2, 4])])
def test_a_snooze_has_nobody_else_reminded_and_moves_no_reminder(
    halted: Callable[..., tuple[World, Review]], later: Later, rule: dict[str, Any], times: Any
) -> None:
    world, review = halted(ANN, BEN, **rule)
    act = Act(review.id, EVERYWHERE, "tests")
    snooze(world.ports, act, ANN, world.ports.clock.now() + timedelta(hours=1))
    told = []
    for hour in range(1, 5):
        later(HOUR)
        before = len(mails(world, review))
        sweep(world.ports)
        told += [(hour, to) for to, _ in mails(world, review)[before:]]
    assert [hour for hour, to in told if to == ANN] == times
    assert [hour for hour, to in told if to == BEN] == times[1:]


def test_a_reroute_keeps_the_reminder_that_a_snooze_promised(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN)
    act = Act(review.id, EVERYWHERE, "tests")
    snooze(world.ports, act, ANN, world.ports.clock.now() + timedelta(hours=1))
    reroute(world.ports, act)
    later(HOUR)
    sweep(world.ports)
    assert mails(world, review) == [(ANN, "request"), (ANN, "reminder")]


def test_where_a_mail_cannot_arrive_the_next_ones_are_asked_at_once(
    halted: Callable[..., tuple[World, Review]],
) -> None:
    world, review = halted(ANN, creator=DAN, ladder=(rung(24, BEN),))
    for failed, asked in ((ANN, BEN), (BEN, DAN)):
        _bounces(world, review, failed)
        assert mails(world, review)[-1] == (asked, "escalation")
    _bounces(world, review, DAN)
    assert len(mails(world, review)) == 3
    assert {each.trouble for each in recipients_of(world, review).values()} == {"550 no such user"}
    assert says(world, review, ANN, is_approve=True)["status"] == "completed"


def test_a_second_mail_that_cannot_arrive_asks_nobody_else(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    rules = {"remind_after": hours(1), "ladder": (rung(24, BEN), rung(48, DAN))}
    world, review = halted(ANN, **rules)
    _bounces(world, review, ANN)
    later(HOUR)
    sweep(world.ports)
    assert mails(world, review)[-2:] == [(ANN, "reminder"), (BEN, "reminder")]
    _bounces(world, review, ANN)
    assert DAN not in recipients_of(world, review)


def _bounces(
    world: World, review: Review, address: str, reason: str | None = "550 no such user"
) -> str:
    """The mail server says for good that the newest mail to that address cannot arrive."""

    def end(tx: Transaction) -> str:
        mine = [tx.deliveries.get(each.id) for each in tx.deliveries.of(review.execution_id)]
        (mail, *_) = [each for each in mine if each and f'"to":"{address}"' in str(each.body)]
        note_undeliverable(world.ports, tx, replace(mail, reason=reason), "w-1")
        return mail.id

    return world.ports.store.transact(end)


@pytest.mark.parametrize(
    ("reason", "error"), [("550 no such user", "550 no such user"), (None, "It did not arrive")]
)
def test_the_timeline_says_whom_a_mail_did_not_reach_and_why(
    halted: Callable[..., tuple[World, Review]], reason: str | None, error: str
) -> None:
    world, review = halted(ANN)
    delivery_id = _bounces(world, review, ANN, reason)
    entries = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    (entry,) = (each for each in entries if each.event == "recipient.undeliverable")
    assert entry.details == {"to": ANN, "error": error, "delivery_id": delivery_id}
    assert (entry.actor, entry.task_name) == ("worker:w-1", "write")
    assert entry.subject_id == recipients_of(world, review)[ANN].id


NO_MATTER: dict[str, Callable[[World, Review], object]] = {
    "decided": lambda world, review: says(world, review, BEN, is_approve=True),
    "handed on": lambda world, review: delegate(
        world.ports, Act(review.id, EVERYWHERE, "tests"), ANN, CAT
    ),
}


@pytest.mark.parametrize("before", NO_MATTER)
def test_where_nobody_waits_for_whom_a_mail_does_not_reach_nobody_else_is_asked(
    halted: Callable[..., tuple[World, Review]], before: str
) -> None:
    world, review = halted(ANN, BEN, ladder=(rung(24, DAN),))
    NO_MATTER[before](world, review)
    _bounces(world, review, ANN)
    asked = recipients_of(world, review)
    assert (asked[ANN].trouble, DAN in asked) == ("550 no such user", False)


def test_where_no_policy_says_whom_else_to_ask_nobody_is(a_world: Make) -> None:
    world = a_world("write?")
    world.ports = replace(world.ports, mail=MailIdentity("crew@example.com"))
    review = open_review(world, world.halted())
    reassign(world.ports, Act(review.id, EVERYWHERE, "tests"), [ANN])
    _bounces(world, review, ANN)
    assert list(recipients_of(world, review)) == [ANN]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "{{}}",
        '{{"review_id":"{review}"}}',
        '{{"recipient_id":"{recipient}"}}',
        '{{"review_id":"{review}","recipient_id":"gone"}}',
        '{{"review_id":"gone","recipient_id":"{recipient}"}}',
        '{{"review_id":1,"recipient_id":"{recipient}"}}',
    ],
)
def test_a_mail_that_is_about_nobody_who_is_asked_is_noted_with_nobody(
    halted: Callable[..., tuple[World, Review]], body: str
) -> None:
    world, review = halted(ANN)
    recipient = recipients_of(world, review)[ANN].id
    written = body.format(review=review.id, recipient=recipient).encode()

    def end(tx: Transaction) -> None:
        (mail,) = (tx.deliveries.get(each.id) for each in tx.deliveries.of(review.execution_id))
        assert mail
        odd = replace(mail, id=world.ports.ids.new(), sequence=99, body=written)
        tx.deliveries.add([odd])
        note_undeliverable(world.ports, tx, odd, "w-1")

    world.ports.store.transact(end)
    assert recipients_of(world, review)[ANN].trouble is None


def test_who_is_asked_and_why_stands_in_the_timeline(
    halted: Callable[..., tuple[World, Review]],
) -> None:
    world, review = halted(ANN, creator=DAN)
    _bounces(world, review, ANN)
    told = [found for _, found in events(world, review.execution_id, "recipient.ask")]
    assert told == [{"to": ANN, "reason": "rule *"}, {"to": DAN, "reason": "creator"}]
    asked = recipients_of(world, review)
    assert [(each.rung, each.by_group) for each in asked.values()] == [(0, None), (0, None)]


def test_who_was_relieved_before_is_asked_anew_on_the_ladder(
    halted: Callable[..., tuple[World, Review]], later: Later
) -> None:
    world, review = halted(ANN, ladder=(rung(1, ANN, BEN),))
    reassign(world.ports, Act(review.id, EVERYWHERE, "tests"), [BEN])
    later(HOUR)
    sweep(world.ports)
    assert mails(world, review) == [(ANN, "request"), (BEN, "request"), (ANN, "escalation")]


def test_a_vote_counts_as_somebody_who_is_asked(
    halted: Callable[..., tuple[World, Review]],
) -> None:
    world, review = halted(ANN, BEN, decisions=2)
    says(world, review, ANN, is_approve=True)
    with capture_logs() as lines:
        delegate(world.ports, Act(review.id, EVERYWHERE, "tests"), BEN, CAT)
    assert events(world, review.execution_id, "review.too_few") == []
    assert lines == []


def test_operators_are_told_where_too_few_are_asked(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, decisions=2))
    with capture_logs() as lines:
        review = open_review(world, world.halted())
    too_few = {"event": "too few are asked", "rule": "*", "asked": 1, "needed": 2}
    assert {**too_few, "review_id": review.id, "log_level": "warning"} in lines
    entries = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    (entry,) = (each for each in entries if each.event == "review.too_few")
    assert (entry.subject_id, entry.task_name) == (review.id, "write")


@pytest.mark.parametrize("timeout", [None, timedelta(hours=1)])
def test_words_that_came_in_time_win_though_a_model_still_weighs_them(
    a_flow: Make, later: Later, timeout: timedelta | None
) -> None:
    automatic = Automatic(hours(1), outcome="revise")
    rules = policy(ANN, automatic=automatic, remind_after=hours(1), ladder=(rung(1, BEN),))
    world = a_flow("loop", review_policy=rules, review_timeout=timeout)
    world.runner.says = "go"
    review = open_review(world, world.halted())
    assert says(world, review, ANN, human_feedback="Well then.")["weighing"]
    later(2 * HOUR)
    swept = sweep(world.ports)
    assert (swept.overdue_reviews, swept.expired_reviews) == (0, 0)
    world.work()
    (closed, *_) = reviews_of(world, review.execution_id)
    assert (closed.outcome, closed.reviewer) == ("go", ANN)
