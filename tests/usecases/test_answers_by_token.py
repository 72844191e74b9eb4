"""Whoever has the token of a notice, or of a mail, answers with it and takes words back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from policies import ANN, BEN, events, open_review, policy, reviews_of, says, token_of
from world import World

from orchestrator.domain.review import Review, ReviewState
from orchestrator.errors import AlreadyAnswered, Invalid, InvalidResponseToken, NotEntitled
from orchestrator.usecases.reviews.respond import (
    Response,
    holder_of,
    may_take_back_as,
    respond,
    respond_with,
    take_back_as,
)
from orchestrator.usecases.reviews.take_back_words import reader_of
from orchestrator.wire.requests import RespondBody, parse

Make = Callable[..., World]
HOOK = "https://93.184.215.14/hook"
APPROVED = RespondBody(is_approve=True)


def noticed(world: World, **body: Any) -> tuple[Review, str]:
    """A review that waits, and the token of the notice that a webhook was sent of it."""
    world.ports = replace(world.ports, public_url="https://crews.example")
    execution_id = world.halted(humanInputWebhook={"url": HOOK}, **body)
    sent = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    (notice,) = (json.loads(each.body or b"") for each in sent if each.kind == "human_input")
    return open_review(world, execution_id), notice["callback_url"].rpartition("=")[2]


def said_by_mail(world: World, who: str, review: Review, words: str = "Shorter") -> str:
    """A person approves with the token of their mail; gives it."""
    token = token_of(world, review, who)
    respond_with(world.ports, token, RespondBody(is_approve=True, feedback=words), "mail")
    return token


@pytest.mark.parametrize(("source", "channel"), [(None, "callback"), ("slack", "slack")])
def test_the_token_of_a_notice_answers_its_review(
    a_world_of_each: Make, source: str | None, channel: str
) -> None:
    world = a_world_of_each("write?")
    review, token = noticed(world)
    body = RespondBody(is_approve=True, source=source)
    answered = respond(world.ports, Response(review.id, token, body))
    assert (answered.id, answered.state) == (review.id, ReviewState.ANSWERED)
    assert (answered.actor, answered.channel) == ("response-token", channel)
    assert answered.reviewer is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"feedback": "Short"}, "Short"),
        ({"feedback": "", "human_feedback": "Long"}, "Long"),
        ({"feedback": "Short", "human_feedback": "Long"}, "Short"),
        ({"human_feedback": "Long"}, "Long"),
    ],
)
def test_the_words_may_stand_under_either_name(
    a_world: Make, said: dict[str, str], words: str
) -> None:
    world = a_world("write?")
    review, token = noticed(world)
    respond(world.ports, Response(review.id, token, parse(RespondBody, said)))
    (answered,) = reviews_of(world, review.execution_id)
    assert (answered.words, answered.approved) == (words, False)


@pytest.mark.parametrize("said", [{}, {"source": "a scanner"}])
def test_a_call_that_says_nothing_decides_nothing(a_flow: Make, said: dict[str, str]) -> None:
    world = a_flow("loop")
    review, token = noticed(world)
    with pytest.raises(Invalid):
        respond(world.ports, Response(review.id, token, parse(RespondBody, said)))
    assert open_review(world, review.execution_id) == review


def test_an_answer_by_a_token_drops_no_webhook(a_world: Make) -> None:
    world = a_world("write?", "print")
    review, token = noticed(world, taskWebhookUrl=HOOK)
    respond(world.ports, Response(review.id, token, APPROVED))
    world.work()
    sent = world.ports.store.read(lambda tx: tx.deliveries.of(review.execution_id))
    assert [each.kind for each in sent] == ["human_input", "task", "task"]


def test_a_token_is_good_for_its_own_review_alone(a_world: Make) -> None:
    world = a_world("write?")
    (first, _), (_, other) = noticed(world), noticed(world)
    for token in (other, "", first.id):
        with pytest.raises(InvalidResponseToken):
            respond(world.ports, Response(first.id, token, APPROVED))
    assert holder_of(world.ports, "wrong") is None
    with pytest.raises(InvalidResponseToken):
        respond_with(world.ports, "wrong", APPROVED, "mail")


def test_whoever_comes_too_late_is_told_what_was_decided(a_world: Make) -> None:
    world = a_world("write?")
    review, token = noticed(world)
    closed = respond(world.ports, Response(review.id, token, APPROVED))
    with pytest.raises(AlreadyAnswered) as late:
        respond(world.ports, Response(review.id, token, APPROVED))
    assert (late.value.message, late.value.winner) == (closed.summary(), closed.winner())


@pytest.mark.parametrize("rule", [{"decisions": 2}, {"four_eyes": True}])
def test_nobody_in_particular_decides_where_it_has_to_be_known_who_does(
    a_world: Make, rule: dict[str, Any]
) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, **rule))
    review, token = noticed(world)
    with pytest.raises(NotEntitled) as refused:
        respond(world.ports, Response(review.id, token, APPROVED))
    assert refused.value.message == (
        "This review has to know who decides, and the token of its notice is nobody's own: "
        "answer by the link of your own mail, in the inbox, or with an API token of your own."
    )
    respond_with(world.ports, token_of(world, review, ANN), APPROVED, "mail")


def test_whoever_answered_by_their_mail_takes_it_back_with_its_token(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "print", review_policy=policy(ANN, BEN))
    review = open_review(world, world.halted())
    token = said_by_mail(world, ANN, review)
    holder = holder_of(world.ports, token)
    assert holder
    assert may_take_back_as(world.ports, holder)
    taken = take_back_as(world.ports, holder)
    assert (taken.words, taken.taken_back_by) == (None, ANN)
    (entry,) = (
        each
        for each in world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
        if each.event == "review.take_back"
    )
    assert (entry.actor, entry.task_name) == (f"person:{ANN}", "write")
    gone = holder_of(world.ports, token)
    assert gone
    assert not may_take_back_as(world.ports, gone)


def test_each_of_several_takes_back_their_own_with_their_mail_s_token(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN, decisions=2))
    review = open_review(world, world.halted())
    token, _ = (said_by_mail(world, who, review, f"Of {who}") for who in (ANN, BEN))
    holder = holder_of(world.ports, token)
    assert holder
    assert take_back_as(world.ports, holder).words == f"Of {BEN}"


def test_the_token_of_a_notice_takes_back_what_was_said_with_it(a_world: Make) -> None:
    world = a_world("write?", "print")
    review, token = noticed(world)
    said = RespondBody(is_approve=True, feedback="Shorter")
    respond(world.ports, Response(review.id, token, said))
    holder = holder_of(world.ports, token)
    assert holder
    assert may_take_back_as(world.ports, holder)
    taken = take_back_as(world.ports, holder)
    assert (taken.words, taken.taken_back_by) == (None, "response-token")
    assert events(world, review.execution_id, "review.take_back") == [
        ("review.take_back", {"by": "response-token"})
    ]


def test_who_the_holder_of_a_notice_s_token_said_to_be_takes_nothing_back(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN))
    review, token = noticed(world)
    said = RespondBody(is_approve=True, feedback="Shorter", reviewer=ANN)
    assert respond(world.ports, Response(review.id, token, said)).reviewer == ANN
    holder = holder_of(world.ports, token)
    assert holder
    assert take_back_as(world.ports, holder).taken_back_by == "response-token"


def test_whoever_is_asked_and_said_nothing_takes_nothing_back(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN))
    review = open_review(world, world.halted())
    token = token_of(world, review, BEN)
    holder = holder_of(world.ports, token)
    assert holder
    said_by_mail(world, ANN, review)
    (answered,) = reviews_of(world, review.execution_id)
    holder = replace(holder, review=answered)
    assert not may_take_back_as(world.ports, holder)
    with pytest.raises(NotEntitled):
        take_back_as(world.ports, holder)


def test_the_token_of_a_notice_takes_back_nothing_that_was_said_otherwise(a_world: Make) -> None:
    world = a_world("write?", "print")
    review, token = noticed(world)
    says(world, review, None, is_approve=True, human_feedback="Shorter")
    holder = holder_of(world.ports, token)
    assert holder
    assert not may_take_back_as(world.ports, holder)
    with pytest.raises(NotEntitled) as refused:
        take_back_as(world.ports, holder)
    assert refused.value.message == "Somebody else answered: people take back what they said"


def test_who_has_read_the_words_is_known(a_world: Make) -> None:
    world = a_world("write?", "print")
    review = open_review(world, world.halted())
    says(world, review, None, is_approve=True, human_feedback="Shorter")
    (unread,) = reviews_of(world, review.execution_id)
    assert reader_of(world.ports, unread) is None
    world.work()
    (read,) = reviews_of(world, review.execution_id)
    reader = reader_of(world.ports, read)
    assert reader
    assert (reader.id, reader.path) == (read.read_by, "print")
