"""Calls that are sent twice, at the same moment: the second is told what the first was."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from policies import ANN, BEN, policy
from world import World

from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender
from orchestrator.domain.canonical import digest
from orchestrator.domain.intake import IntakeState
from orchestrator.errors import Invalid, KeyReused, OrchestratorError
from orchestrator.jobs import ANSWER
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse

AT_A_TIME = 6
CALLS = 24


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return a_world_of_each("write?", "publish")


def at_once(work: Callable[[], Any], calls: int = CALLS) -> list[Any]:
    """What the calls gave or raised."""

    def call() -> Any:
        try:
            return work()
        except OrchestratorError as error:
            return repr(error)

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        return [each.result() for each in [threads.submit(call) for _ in range(calls)]]


def approval(execution_id: str) -> dict[str, Any]:
    return {"execution_id": execution_id, "task_id": "write", "is_approve": True}


def test_a_resume_that_is_sent_many_times_at_once_is_told_the_one_answer(world: World) -> None:
    for execution_id in [world.halted() for _ in range(5)]:
        said = approval(execution_id)
        key = IdempotencyKey(execution_id, digest(said))
        given = Answer("crew", parse(ResumeBody, said), "tests", "api", key)

        told = at_once(lambda given=given: answer(world.ports, given))

        assert told == [told[0]] * CALLS
        assert told[0]["status"] == "resumed"


def test_a_kickoff_that_is_sent_many_times_at_once_starts_one_execution(world: World) -> None:
    body = {"inputs": {}}
    key = IdempotencyKey("k", digest(body))
    asked = Kickoff("crew", parse(KickoffBody, body), "tests", "api", key)

    told = at_once(lambda: kickoff(world.ports, asked))

    assert told == [told[0]] * CALLS
    assert len(world.jobs) == 1


def test_one_key_with_two_bodies_at_once_is_refused_for_one_of_them(world: World) -> None:
    execution_id = world.halted()
    bodies = [approval(execution_id), {**approval(execution_id), "is_approve": False}] * 3

    def call() -> Any:
        said = bodies.pop()
        key = IdempotencyKey("k", digest(said))
        return answer(world.ports, Answer("crew", parse(ResumeBody, said), "tests", "api", key))

    told = at_once(call, 6)

    assert sorted(str(each).count("status") for each in told) == [0, 0, 0, 1, 1, 1]
    assert sum(type(KeyReused("k")).__name__ in str(each) for each in told) == 3


def test_a_message_that_decided_its_review_stands_as_accepted(world: World) -> None:
    """However often the broker delivers it at the same moment."""
    messages = [
        Message(str(uuid4()), ANSWER, {"v": 1, "deployment": "crew", "body": approval(each)})
        for each in [world.halted() for _ in range(5)]
    ]

    for message in messages:
        at_once(lambda message=message: take(world.ports, message), AT_A_TIME)

    kept = world.ports.store.read(lambda tx: tx.intake.newest(None, None, 100))
    assert [each.state for each in kept] == [IntakeState.ACCEPTED] * 5


def test_two_people_who_use_one_key_have_a_vote_each(a_world_of_each: Callable[..., World]) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN, decisions=2))
    said = approval(world.halted())
    key = IdempotencyKey("approve", digest(said))

    def vote(who: str) -> Any:
        given = Answer("crew", parse(ResumeBody, said), "tests", "api", key, identity=who)
        return answer(world.ports, given)["status"]

    assert [vote(who) for who in (ANN, ANN)] == ["pending"] * 2
    assert [vote(who) for who in (BEN, BEN)] == ["completed"] * 2


def test_a_call_that_was_answered_is_answered_alike_though_its_webhook_is_refused_by_now(
    world: World,
) -> None:
    said = {"inputs": {}, "taskWebhookUrl": "http://8.8.8.8/task"}
    asked = Kickoff("crew", parse(KickoffBody, said), "t", "api", IdempotencyKey("1", digest(said)))
    told = kickoff(world.ports, asked)
    world.ports = replace(world.ports, sender=GuardedSender(Guard(https_only=True)))

    assert kickoff(world.ports, asked) == told
    with pytest.raises(KeyReused):
        kickoff(world.ports, replace(asked, key=IdempotencyKey("1", "another")))
    with pytest.raises(Invalid):
        kickoff(world.ports, replace(asked, key=IdempotencyKey("2", digest(said))))
