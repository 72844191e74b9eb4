"""Who may decide in a review: those who are asked, as many as the policy says, each once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from policies import (
    ANN,
    BEN,
    CAT,
    DAN,
    events,
    group_policy,
    mails,
    open_review,
    people,
    policy,
    recipients_of,
    reviews_of,
    rung,
    says,
    token_of,
)
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from world import World

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.adapters.sql.schema import reviews
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.recipient import RecipientState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.review_policy import ReviewPolicy, Rule
from orchestrator.domain.review_terms import Absence
from orchestrator.errors import AlreadyAnswered, Invalid, InvalidResponseToken, NotEntitled
from orchestrator.ports import MailIdentity
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.purge import purge
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews.absences import begin_absence
from orchestrator.usecases.reviews.claim import claim, release
from orchestrator.usecases.reviews.delegate import delegate
from orchestrator.usecases.reviews.find import list_pending
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.reassign import reassign
from orchestrator.usecases.reviews.reroute import reroute
from orchestrator.usecases.reviews.respond import respond_with
from orchestrator.usecases.reviews.withdraw import withdraw
from orchestrator.wire.requests import RespondBody

Make = Callable[..., World]
Later = Callable[[float], None]


def act(review: Review) -> Act:
    return Act(review.id, EVERYWHERE, "tests")


def halted(world: World, **body: object) -> Review:
    return open_review(world, world.halted(**body))


def test_those_whom_the_rule_names_are_asked_each_with_a_token(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN))
    review = halted(world)
    asked = recipients_of(world, review)
    assert list(asked) == [ANN, BEN]
    assert {each.reason for each in asked.values()} == {"rule *"}
    tokens = {token_of(world, review, who) for who in (ANN, BEN)}
    assert len(tokens) == 2
    assert all(len(token) == 32 and token == token.lower() for token in tokens)


def test_members_of_a_group_are_asked_as_such(a_world: Make) -> None:
    world = a_world("write?", review_policy=group_policy(ANN, BEN))
    asked = recipients_of(world, halted(world)).values()
    assert [(each.by_group, each.reason) for each in asked] == [("legal", "group legal")] * 2


def test_where_nobody_is_found_the_review_is_open_and_the_timeline_says_so(a_world: Make) -> None:
    world = a_world(
        "write?", review_policy=ReviewPolicy((Rule("other*", people(ANN)),), creator=DAN)
    )
    assert list(recipients_of(world, halted(world))) == [DAN]
    world = a_world("write?", review_policy=policy())
    review = halted(world)
    assert recipients_of(world, review) == {}
    too_few = {"rule": "*", "asked": 0, "needed": 1}
    assert ("review.too_few", too_few) in events(world, review.execution_id, "review")
    (found,) = (each for each in examine(world.ports) if each.check == "reviews")
    assert (found.says, review.id in str(found.mend)) == ("nobody is asked in 1 open reviews", True)
    says(world, review, None, is_approve=True)
    assert "reviews" not in {each.check for each in examine(world.ports)}


def test_only_who_is_asked_decides(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    with pytest.raises(NotEntitled, match="is not asked"):
        says(world, review, BEN, is_approve=True)
    with pytest.raises(NotEntitled):
        says(world, review, None, is_approve=True, reviewer="Ben@Example.com")
    assert says(world, review, ANN, is_approve=True)["status"] == "completed"
    closed = reviews_of(world, review.execution_id)[0]
    assert (closed.reviewer, closed.state) == (ANN, ReviewState.ANSWERED)
    assert recipients_of(world, closed)[ANN].state is RecipientState.VOTED


def test_two_of_three_decide_together(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN, CAT, decisions=2))
    review = halted(world)
    with pytest.raises(NotEntitled, match="who decides"):
        says(world, review, None, is_approve=True)
    first = says(world, review, ANN, is_approve=True, human_feedback="fine")
    assert (first["status"], open_review(world, review.execution_id).id) == ("pending", review.id)
    with pytest.raises(NotEntitled, match="has decided already"):
        says(world, review, ANN, is_approve=True)
    second = says(world, review, BEN, is_approve=True, human_feedback="good")
    assert second["status"] == "completed"
    (closed,) = reviews_of(world, review.execution_id)
    assert closed.words == f"{ANN}: fine\n\n{BEN}: good"


def test_webhooks_that_come_with_one_of_several_decisions_count(
    a_world: Make,
) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world, crewWebhookUrl="https://93.184.216.34/crew")
    says(world, review, ANN, is_approve=True, taskWebhookUrl="https://93.184.216.34/task")
    told = world.snapshot(review.execution_id).execution.subscriptions
    assert None not in (told.task, told.crew)


def test_whoever_claimed_it_and_decided_keeps_nobody_waiting(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN, CAT, decisions=2))
    review = claim(world.ports, act(halted(world)), ANN)
    says(world, review, ANN, is_approve=True)
    assert open_review(world, review.execution_id).claimed_by is None
    assert says(world, review, BEN, is_approve=True)["status"] == "completed"


def test_one_rejection_rejects(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    says(world, review, ANN, is_approve=True)
    assert says(world, review, BEN, is_approve=False, human_feedback="no")["status"] == "retrying"
    world.work()
    again = open_review(world, review.execution_id)
    assert (again.round, list(recipients_of(world, again))) == (2, [ANN, BEN])


def test_a_text_that_several_decide_on_is_edited_by_none_of_them(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    with pytest.raises(Invalid, match="nobody changes it alone"):
        says(world, review, ANN, edited_output="mine", is_approve=True)
    assert recipients_of(world, review)[ANN].state is RecipientState.ASKED


def test_four_eyes_exclude_who_kicked_off_and_who_answered_before(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, CAT, four_eyes=True))
    review = halted(world, requester=ANN)
    assert list(recipients_of(world, review)) == [BEN, CAT]
    with pytest.raises(NotEntitled, match="four eyes"):
        says(world, review, ANN, is_approve=True)
    with pytest.raises(NotEntitled):
        says(world, review, None, is_approve=True)
    says(world, review, BEN, is_approve=False, human_feedback="shorter")
    world.work()
    second = open_review(world, review.execution_id)
    assert list(recipients_of(world, second)) == [CAT]
    with pytest.raises(NotEntitled, match="four eyes"):
        delegate(world.ports, act(second), CAT, BEN)


def test_four_eyes_exclude_nobody_for_what_they_answered_two_rounds_before(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, four_eyes=True))
    review = halted(world)
    for who in (ANN, BEN):
        says(world, review, who, is_approve=False, human_feedback="shorter")
        world.work()
        review = open_review(world, review.execution_id)
    assert list(recipients_of(world, review)) == [ANN]


def test_four_eyes_exclude_who_answered_before_the_question_that_a_rewind_goes_back_to(
    a_world: Make,
) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, four_eyes=True))
    review = halted(world)
    says(world, review, ANN, is_approve=False, human_feedback="shorter")
    world.work()
    says(world, open_review(world, review.execution_id), BEN, is_approve=True)
    rewind(world.ports, Rewind(review.execution_id, 3, "tests"))
    assert list(recipients_of(world, open_review(world, review.execution_id))) == [BEN]


@pytest.mark.parametrize("tasks", [("research?", "write?"), ("Part #1?", "Part #2?")])
def test_four_eyes_exclude_nobody_for_what_they_answered_of_another_task(
    a_world: Make, tasks: tuple[str, str]
) -> None:
    world = a_world(*tasks, review_policy=policy(ANN, BEN, four_eyes=True))
    review = halted(world)
    says(world, review, ANN, is_approve=True)
    world.work()
    assert list(recipients_of(world, open_review(world, review.execution_id))) == [ANN, BEN]


def test_four_eyes_exclude_who_answered_the_call_before_of_a_flow_s_method(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN, BEN, four_eyes=True))
    review = halted(world)
    says(world, review, ANN, outcome="revise")
    world.work()
    second = open_review(world, review.execution_id)
    assert (second.path, list(recipients_of(world, second))) == ("review#2", [BEN])


def test_a_token_of_a_mail_is_of_one_person_in_one_round(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN))
    review = halted(world)
    token = token_of(world, review, BEN)
    with pytest.raises(InvalidResponseToken):
        respond_with(
            world.ports, token[:-1] + ("a" if token[-1] != "a" else "b"), RespondBody(), "mail"
        )
    answered = respond_with(world.ports, token, RespondBody(is_approve=True), "mail")
    assert (answered.reviewer, answered.channel) == (BEN, "mail")
    assert answered.actor == f"person:{BEN}"
    with pytest.raises(AlreadyAnswered):
        respond_with(world.ports, token, RespondBody(is_approve=True), "mail")
    assert (
        world.ports.store.read(
            lambda tx: tx.recipients.token(recipients_of(world, answered)[ANN].id)
        )
        is None
    )


def test_a_claimed_review_is_for_whoever_has_it(a_world: Make, later: Later) -> None:
    world = a_world("write?", review_policy=group_policy(ANN, BEN))
    review = halted(world)
    claimed = claim(world.ports, act(review), ANN)
    assert claimed.claimed_by == ANN
    for attempt in (
        lambda: claim(world.ports, act(review), BEN),
        lambda: release(world.ports, act(review), BEN),
        lambda: says(world, review, BEN, is_approve=True),
        lambda: claim(world.ports, act(review), DAN),
    ):
        with pytest.raises(NotEntitled):
            attempt()
    later(2 * 3600 + 1)
    assert claim(world.ports, act(review), BEN).claimed_by == BEN
    assert release(world.ports, act(review), BEN).claimed_by is None
    assert says(world, review, ANN, is_approve=True)["status"] == "completed"


@pytest.mark.parametrize(("rules", "hours_of_it"), [(group_policy(ANN), 2), (policy(ANN), 4)])
def test_the_timeline_tells_who_has_claimed_a_review_and_until_when(
    a_world: Make, later: Later, rules: ReviewPolicy, hours_of_it: int
) -> None:
    world = a_world("write?", review_policy=rules)
    review = halted(world)
    claim(world.ports, act(review), ANN)
    later(60)
    claimed = claim(world.ports, act(review), ANN)  # who has it may have it for longer
    for _ in range(2):
        release(world.ports, act(review), None)
    claim(world.ports, act(review), ANN)
    release(world.ports, act(review), ANN)

    until = world.ports.clock.now() + timedelta(hours=hours_of_it)
    assert claimed.claim_until == until
    assert events(world, review.execution_id, "review.")[1:] == [
        ("review.claim", {"by": ANN, "until": (until - timedelta(seconds=60)).isoformat()}),
        ("review.claim", {"by": ANN, "until": until.isoformat()}),
        ("review.release", {}),
        ("review.claim", {"by": ANN, "until": until.isoformat()}),
        ("review.release", {"by": ANN}),
    ]


def test_whoever_cannot_have_a_review_is_told_who_has_it(a_world: Make) -> None:
    world = a_world("write?", review_policy=group_policy(ANN, BEN))
    review = halted(world)
    until = claim(world.ports, act(review), ANN).claim_until
    with pytest.raises(NotEntitled) as refused:
        claim(world.ports, act(review), BEN)
    assert refused.value.message == f"{ANN} has claimed this review until {until}"
    with pytest.raises(NotEntitled) as refused:
        release(world.ports, act(review), BEN)
    assert refused.value.message == f"{ANN} has claimed this review, not {BEN}"


def test_a_review_is_handed_on_and_never_in_a_circle(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    token = token_of(world, review, ANN)
    delegate(world.ports, act(review), ANN, BEN)
    with pytest.raises(NotEntitled, match="handed this review on"):
        respond_with(world.ports, token, RespondBody(is_approve=True), "mail")
    with pytest.raises(NotEntitled, match="circle"):
        delegate(world.ports, act(review), BEN, ANN)
    assert recipients_of(world, review)[BEN].reason == f"delegated by {ANN}"
    assert says(world, review, BEN, is_approve=True)["status"] == "completed"


def test_what_is_handed_on_to_somebody_away_is_for_whoever_stands_in(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    away(world, BEN, CAT)
    delegate(world.ports, act(review), ANN, BEN)
    asked = recipients_of(world, review)
    assert (list(asked), asked[ANN].delegated_to) == ([ANN, CAT], CAT)
    assert asked[CAT].reason == f"in place of {BEN} (delegated by {ANN})"


def test_a_review_does_not_come_back_by_way_of_somebody_away(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    away(world, BEN, ANN)
    with pytest.raises(NotEntitled, match="has the review already"):
        delegate(world.ports, act(review), ANN, BEN)


def test_nothing_is_handed_on_to_somebody_away_in_whose_place_nobody_is(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    until = away(world, BEN, None)
    with pytest.raises(NotEntitled) as refused:
        delegate(world.ports, act(review), ANN, BEN)
    assert refused.value.message == f"{BEN} is away until {until.isoformat()}"
    assert list(recipients_of(world, review)) == [ANN]


def away(world: World, who: str, to: str | None) -> datetime:
    until = world.ports.clock.now() + timedelta(days=1)
    begin_absence(world.ports, Absence(who, until, to), "tests")
    return until


def test_who_hands_a_review_on_has_not_claimed_it_any_more(a_world: Make) -> None:
    world = a_world("write?", review_policy=group_policy(ANN, CAT))
    world.ports = replace(world.ports, mail=MailIdentity("crew@example.com"))
    review = halted(world)
    claim(world.ports, act(review), ANN)
    assert delegate(world.ports, act(review), ANN, BEN).claimed_by is None
    told = events(world, review.execution_id, "")
    assert ("recipient.delegate", {"by": ANN, "to": BEN}) in told
    entries = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    of_it = [each.task_name for each in entries if each.event.startswith("recipient.")]
    assert set(of_it) == {"write"}
    assert ("review.release", {"by": ANN}) in told
    assert mails(world, review)[2:] == [(BEN, "delegated")]


def test_who_claimed_a_review_keeps_it_when_somebody_else_hands_it_on(a_world: Make) -> None:
    world = a_world("write?", review_policy=group_policy(ANN, CAT))
    review = halted(world)
    claim(world.ports, act(review), ANN)
    assert delegate(world.ports, act(review), CAT, BEN).claimed_by == ANN
    assert events(world, review.execution_id, "review.release") == []


def test_only_who_is_asked_hands_a_review_on(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    with pytest.raises(NotEntitled):
        delegate(world.ports, act(review), BEN, CAT)
    assert list(recipients_of(world, review)) == [ANN]


def test_a_review_in_which_nobody_is_asked_is_given_to_somebody(a_world: Make) -> None:
    world = a_world("write?")
    world.ports = replace(world.ports, mail=MailIdentity("crew@example.com"))
    review = halted(world)
    reassigned = reassign(world.ports, act(review), [BEN])
    assert recipients_of(world, review)[BEN].reason == "reassigned"
    assert events(world, review.execution_id, "review.reroute") == [
        ("review.reroute", {"to": [BEN]})
    ]
    assert mails(world, review) == [(BEN, "request")]
    assert reassigned.terms is not None


def test_who_is_relieved_is_named(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN))
    review = halted(world)
    delegate(world.ports, act(review), ANN, CAT)
    reassign(world.ports, act(review), [DAN])
    entries = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    of_it = [each.task_name for each in entries if each.event == "recipient.relieve"]
    assert of_it == ["write", "write"]
    relieved = [("recipient.relieve", {"to": who}) for who in (BEN, CAT)]
    assert events(world, review.execution_id, "recipient.relieve") == relieved
    states = [each.state for each in recipients_of(world, review).values()]
    assert states == [
        RecipientState.DELEGATED,
        RecipientState.RELIEVED,
        RecipientState.RELIEVED,
        RecipientState.ASKED,
    ]


def test_a_reassignment_names_enough_people_who_may_decide(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, four_eyes=True, decisions=2))
    review = halted(world, requester=CAT)
    with pytest.raises(Invalid) as too_few:
        reassign(world.ports, act(review), [DAN])
    message = "2 have to decide on this review: name as many at least."
    assert (too_few.value.message, too_few.value.details) == (message, {"to": message})
    with pytest.raises(NotEntitled) as refused:
        reassign(world.ports, act(review), [DAN, CAT])
    assert refused.value.message == f"{CAT} may not decide on this review (four eyes)"
    reassign(world.ports, act(review), [ANN, DAN])
    assert len(mails_asked(world, review)) == 4


def test_what_is_given_to_somebody_away_is_for_whoever_stands_in(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    away = world.ports.clock.now() + timedelta(days=5)
    begin_absence(world.ports, Absence(BEN, away, CAT), "tests")
    begin_absence(world.ports, Absence(DAN, away), "tests")
    reassign(world.ports, act(review), [BEN])
    assert mails_asked(world, review) == [ANN, CAT]
    with pytest.raises(NotEntitled, match=f"{DAN} is away until"):
        reassign(world.ports, act(review), [ANN, DAN])
    assert recipients_of(world, review)[CAT].is_asked


def mails_asked(world: World, review: Review) -> list[object]:
    """Who was asked, in order, as the timeline has it."""
    return [found["to"] for _, found in events(world, review.execution_id, "recipient.ask")]


def test_reassigning_ends_the_rights_of_those_before(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    says(world, review, ANN, is_approve=True)
    with pytest.raises(Invalid, match="2 have to decide"):
        reassign(world.ports, act(review), [CAT])
    reassign(world.ports, act(review), [CAT, DAN])
    with pytest.raises(NotEntitled, match="given to others"):
        says(world, review, BEN, is_approve=True)
    says(world, review, CAT, is_approve=True)
    assert says(world, review, DAN, is_approve=True)["status"] == "completed"


CHANGES: dict[str, Callable[[World, Review], object]] = {
    "reassigned": lambda world, review: reassign(world.ports, act(review), [BEN]),
    "handed on": lambda world, review: delegate(world.ports, act(review), ANN, BEN),
    "rerouted": lambda world, review: reroute(world.ports, act(review)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_words_that_are_weighed_decide_nothing_once_others_have_to(
    a_flow_of_each: Make, change: str
) -> None:
    world = a_flow_of_each("loop", review_policy=policy(ANN))
    world.runner.says = "go"
    review = halted(world)
    says(world, review, ANN, human_feedback="Well then.")
    follows(world, policy(BEN))
    CHANGES[change](world, review)
    world.work()
    asked = open_review(world, review.execution_id)
    assert (asked.weighing, world.runner.asked) == (False, [])
    assert says(world, asked, BEN, human_feedback="Not yet")["weighing"]


def test_words_that_are_weighed_do_not_decide_alone_where_several_have_to(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN))
    world.ports = replace(world.ports, mail=MailIdentity("crew@example.com"))
    review = halted(world)
    says(world, review, ANN, human_feedback="Well then.")
    follows(world, policy(ANN, BEN, decisions=2))
    reroute(world.ports, act(review))
    assert open_review(world, review.execution_id).note == (
        "What was said before counts no more: who decides has changed"
    )
    assert mails(world, review)[1:] == [(BEN, "request"), (ANN, "reminder")]


@pytest.mark.parametrize("change", ["reassigned", "rerouted"])
def test_words_that_are_weighed_decide_where_their_author_still_may(
    a_flow: Make, change: str
) -> None:
    world = a_flow("loop", review_policy=policy(BEN))
    world.runner.says = "go"
    review = halted(world)
    says(world, review, BEN, human_feedback="Well then.")
    follows(world, policy(ANN, BEN))
    CHANGES[change](world, review)
    world.work()
    (closed,) = reviews_of(world, review.execution_id)
    assert (closed.outcome, closed.reviewer) == ("go", BEN)


def test_words_that_are_weighed_decide_once_nobody_in_particular_is_asked(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN))
    world.runner.says = "go"
    review = halted(world)
    says(world, review, ANN, human_feedback="Well then.")
    follows(world, ReviewPolicy())
    reroute(world.ports, act(review))
    world.work()
    (closed,) = reviews_of(world, review.execution_id)
    assert (closed.outcome, closed.reviewer) == ("go", ANN)


def follows(world: World, rules: ReviewPolicy) -> None:
    """The deployment's file says this now."""
    deployment = replace(world.ports.deployments.get("crew"), review_policy=rules)
    world.ports = replace(world.ports, deployments=DeploymentFile({"crew": deployment}))


def test_nobody_has_two_votes(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    with pytest.raises(Invalid, match="2 have to decide"):
        reassign(world.ports, act(review), [CAT, CAT])
    reassign(world.ports, act(review), [CAT, DAN, CAT])
    assert list(recipients_of(world, review)) == [ANN, BEN, CAT, DAN]
    cat = recipients_of(world, review)[CAT]
    with pytest.raises(IntegrityError):
        world.ports.store.transact(
            lambda tx: tx.recipients.add({replace(cat, id=world.ports.ids.new()): "token"})
        )


def test_where_fewer_are_asked_than_have_to_agree_that_is_said(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, decisions=2))
    review = halted(world)
    too_few = {"rule": "*", "asked": 1, "needed": 2}
    assert ("review.too_few", too_few) in events(world, review.execution_id, "review")
    delegate(world.ports, act(review), ANN, BEN)
    reassign(world.ports, act(review), [CAT, DAN])
    said = [event for event, _ in events(world, review.execution_id, "review.too_few")]
    assert len(said) == 2


def test_who_did_not_agree_is_asked_again_by_mail(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN, BEN, decisions=2))
    world.ports = replace(world.ports, mail=MailIdentity("crew@example.com"))
    review = open_review(world, world.halted())
    assert says(world, review, ANN, outcome="go")["status"] == "pending"
    assert "did not agree" in str(says(world, review, BEN, outcome="revise")["message"])
    again = recipients_of(world, review)
    assert {(each.state, each.words, each.channel) for each in again.values()} == {
        (RecipientState.ASKED, None, None)
    }
    assert mails(world, review)[2:] == [(ANN, "reminder"), (BEN, "reminder")]
    says(world, review, BEN, outcome="go")
    assert says(world, review, ANN, outcome="go")["status"] == "resumed"


def test_rerouting_alone_brings_a_changed_policy_to_an_open_review(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN))
    review = halted(world)
    token = token_of(world, review, BEN)
    changed = a_world("other", review_policy=policy(BEN, CAT, decisions=2))
    world.ports = replace(world.ports, deployments=changed.ports.deployments)
    assert list(recipients_of(world, open_review(world, review.execution_id))) == [ANN, BEN]
    reroute(world.ports, act(review))
    states = {who: each.state for who, each in recipients_of(world, review).items()}
    assert states == {
        ANN: RecipientState.RELIEVED,
        BEN: RecipientState.ASKED,
        CAT: RecipientState.ASKED,
    }
    assert token_of(world, review, BEN) == token
    assert says(world, review, BEN, is_approve=True)["status"] == "pending"


def test_a_rerouted_review_is_as_if_it_had_been_opened_on_the_new_terms(
    a_world: Make, later: Later
) -> None:
    world = a_world("write?", review_policy=policy(ANN, ladder=(rung(1, BEN),)))
    review = halted(world)
    later(3600)
    sweep(world.ports)
    assert open_review(world, review.execution_id).rung == 1
    follows(world, policy(CAT, ANN, ladder=(rung(2, DAN),)))
    rerouted = reroute(world.ports, act(review))
    assert (rerouted.rung, rerouted.escalate_at) == (0, review.created_at + timedelta(hours=2))
    assert events(world, review.execution_id, "review.reroute") == [
        ("review.reroute", {"to": [ANN, CAT]})
    ]
    assert {each.rung for each in recipients_of(world, review).values() if each.is_asked} == {0}


def has_no_question_of_its_own(world: World) -> None:
    """Every review is as those that were opened before there were kinds of questions."""
    with world.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        connection.execute(update(reviews).values(question=None))


@pytest.mark.parametrize("is_old", [False, True])
def test_a_rerouted_review_follows_the_rule_of_its_own_task(a_world: Make, *, is_old: bool) -> None:
    world = a_world("research?", "write?", review_policy=policy(ANN))
    review = halted(world)
    if is_old:
        has_no_question_of_its_own(world)
    follows(world, ReviewPolicy((Rule("write", people(BEN)), Rule("research", people(CAT)))))
    reroute(world.ports, act(review))
    asked = [who for who, each in recipients_of(world, review).items() if each.is_asked]
    assert asked == [CAT]


@pytest.mark.parametrize("is_old", [False, True])
def test_a_rerouted_review_excludes_who_answered_its_own_task_before(
    a_world: Make, *, is_old: bool
) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    says(world, review, ANN, is_approve=False)
    world.work()
    review = open_review(world, review.execution_id)
    if is_old:
        has_no_question_of_its_own(world)
    follows(world, policy(ANN, BEN, four_eyes=True))
    reroute(world.ports, act(review))
    asked = [who for who, each in recipients_of(world, review).items() if each.is_asked]
    assert asked == [BEN]


def test_a_withdrawn_question_fails_the_execution_until_it_is_retried(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    assert withdraw(world.ports, act(review), "wrong customer").state is ReviewState.WITHDRAWN
    found = world.snapshot(review.execution_id)
    assert found.execution.state is ExecutionState.FAILED
    assert "withdrawn: wrong customer" in str(found.execution.error)
    with pytest.raises(AlreadyAnswered):
        claim(world.ports, act(review), ANN)


def test_what_waits_for_a_person_is_listed(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN))
    first, second = halted(world), halted(world)
    delegate(world.ports, act(second), ANN, BEN)

    def waiting_for(who: str) -> list[str]:
        return [each.id for each in list_pending(world.ports, EVERYWHERE, None, 10, who)]

    assert (waiting_for(ANN), waiting_for(BEN)) == ([first.id], [second.id])
    says(world, first, ANN, is_approve=True)
    assert waiting_for(ANN) == []


def test_a_hundred_votes_at_once_make_one_decision(a_world_of_each: Make) -> None:
    addresses = [f"p{number}@example.com" for number in range(12)]
    world = a_world_of_each("write?", review_policy=policy(*addresses, decisions=3))
    review = halted(world)
    said: list[str] = []
    start = threading.Barrier(len(addresses))

    def vote(who: str) -> None:
        start.wait()
        try:
            said.append(str(says(world, review, who, is_approve=True)["status"]))
        except AlreadyAnswered:
            said.append("late")

    threads = [threading.Thread(target=vote, args=(who,)) for who in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == sorted(["pending"] * 2 + ["completed"] + ["late"] * 9)
    answers = [event for event, _ in events(world, review.execution_id, "review.answer")]
    assert len(answers) == 1


def test_a_purge_takes_what_voters_said(a_world: Make, later: Later) -> None:
    world = a_world("write?", review_policy=policy(ANN))
    review = halted(world)
    says(world, review, ANN, is_approve=True, human_feedback="my words")
    world.ports = replace(world.ports, keep_finished=timedelta(days=1))
    later(2 * 86_400)
    while purge(world.ports):
        pass
    assert recipients_of(world, review)[ANN].words is None
    entries = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    assert "my words" not in str([entry.details for entry in entries])
