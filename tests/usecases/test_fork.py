"""A new execution begins with the checkpoint of another, and goes its own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from calling import die_once, dies
from policies import ANN, BEN, CAT, open_review, policy, recipients_of, says
from world import World

from orchestrator.domain.deployment import Manifest
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.errors import CannotRewind, Invalid, NotEntitled, UnknownCheckpoint
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.usecases.operations.purge import purge
from orchestrator.wire.requests import ForkBody, parse

AWorld = Callable[..., World]


def forked(world: World, execution_id: str, number: int, key: str = "", **body: Any) -> str:
    asked = parse(ForkBody, {"checkpoint": number, **body})
    kept = IdempotencyKey(key, str(number)) if key else None
    told = fork(world.ports, Fork(execution_id, asked, "tests", "api", EVERYWHERE, kept))
    return str(told["execution_id"])


def ran(world: World, execution_id: str) -> list[tuple[str, int]]:
    chains = [work for work in world.runner.chains if work.execution_id == execution_id]
    return [(work.path, work.round) for work in chains]


def state(world: World, execution_id: str) -> ExecutionState:
    return world.snapshot(execution_id).execution.state


def texts(world: World, execution_id: str) -> list[str]:
    return [each.output.raw for each in world.snapshot(execution_id).committed]


@pytest.fixture
def reviewed(a_world_of_each: AWorld) -> tuple[World, str]:
    """An execution of which all is done; ``write`` was rejected once, and approved."""
    world = a_world_of_each("look", "write?", "publish")
    execution_id = world.halted(inputs={"topic": "bees"}, meta={"who": "me"})
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    world.answer(execution_id, "write", approve=True, words="good")
    world.work()
    assert state(world, execution_id) is ExecutionState.SUCCEEDED
    return world, execution_id


COMMIT_LOOK, ASK, REJECTION, ASK_AGAIN, APPROVAL, COMMIT_WRITE, END = range(1, 8)


def test_what_stood_at_the_checkpoint_does_not_run_again(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, COMMIT_WRITE)
    world.work()
    assert ran(world, fork_id) == [("publish", 1)]
    assert texts(world, fork_id) == ["look, round 1", "write, round 2", "publish, round 1"]
    assert state(world, fork_id) is ExecutionState.SUCCEEDED
    words = [each.words for each in world.runner.chains[-1].answers]
    assert words == ["shorter", "good"]


def test_the_first_execution_is_as_it_was(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    before = (world.snapshot(first).execution, timeline(world.ports, first)[1])
    forked(world, first, COMMIT_LOOK)
    world.work()
    assert (world.snapshot(first).execution, timeline(world.ports, first)[1]) == before


def test_it_says_where_it_is_from(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, COMMIT_LOOK)
    found = world.snapshot(fork_id).execution
    assert (found.forked_from, found.forked_at) == (first, COMMIT_LOOK)
    assert (found.inputs, found.meta) == ({"topic": "bees"}, {"who": "me"})
    created = timeline(world.ports, fork_id)[1][0]
    assert created.details == {"origin": "api", "forked_from": first, "checkpoint": COMMIT_LOOK}


def test_its_timeline_says_what_is_other_and_loses_the_words_to_a_purge(
    reviewed: tuple[World, str],
) -> None:
    world, first = reviewed
    other = {"edited_output": "mine", "human_feedback": "look at Europe", "reviewer": "Ann"}
    fork_id = forked(world, first, COMMIT_LOOK, inputs={"tone": "calm"}, **other)
    (created, *_) = timeline(world.ports, fork_id)[1]
    said = {"feedback": "look at Europe", "reviewer": "Ann", "edited": True, "inputs": ["tone"]}
    assert said.items() <= created.details.items()
    world.ports.store.transact(lambda tx: tx.timeline.purge(fork_id))
    (created, *_) = timeline(world.ports, fork_id)[1]
    assert "feedback" not in created.details


def test_what_the_journal_saved_the_first_it_did_not_save_the_fork(calling: Any) -> None:
    world, caller = calling("write", "send")
    caller.at = {4: dies}
    execution_id = world.kickoff()
    die_once(world)
    world.work()
    assert world.snapshot(execution_id).saved
    assert world.snapshot(forked(world, execution_id, 1)).saved == {}


def test_whoever_wanted_the_first_does_not_decide_in_the_fork(a_world_of_each: AWorld) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN, four_eyes=True))
    fork_id = forked(world, world.halted(requester=ANN), 0)
    world.work()
    review = open_review(world, fork_id)
    assert list(recipients_of(world, review)) == [BEN]
    with pytest.raises(NotEntitled, match="four eyes"):
        says(world, review, ANN, is_approve=True)


def test_whoever_forked_does_not_decide_on_their_own_text(a_world_of_each: AWorld) -> None:
    world = a_world_of_each("write?", review_policy=policy(ANN, BEN, CAT, four_eyes=True))
    first = world.halted(requester=ANN)
    asked = parse(ForkBody, {"checkpoint": 1, "edited_output": "my words"})
    told = fork(world.ports, Fork(first, asked, f"person:{BEN}", "api", identity=BEN))
    review = open_review(world, str(told["execution_id"]))
    assert list(recipients_of(world, review)) == [CAT]
    with pytest.raises(NotEntitled, match="four eyes"):
        says(world, review, BEN, is_approve=True)


def test_whoever_of_several_decided_in_the_first_is_kept_out_in_the_fork(
    a_world_of_each: AWorld,
) -> None:
    rule = policy(ANN, BEN, CAT, four_eyes=True, decisions=2)
    world = a_world_of_each("write?", review_policy=rule)
    first = world.halted()
    says(world, open_review(world, first), ANN, is_approve=True)
    says(world, open_review(world, first), BEN, is_approve=False, human_feedback="no")
    fork_id = forked(world, first, 2)
    world.work()
    assert list(recipients_of(world, open_review(world, fork_id))) == [CAT]


def test_a_question_is_asked_anew_and_each_has_its_own_answer(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, ASK_AGAIN)
    assert state(world, fork_id) is ExecutionState.PENDING_HUMAN_INPUT
    (asked,) = world.snapshot(fork_id).pending
    assert (asked.review.round, asked.output.raw) == (2, "write, round 2")
    world.answer(fork_id, "write", approve=False, words="longer")
    world.work()
    world.answer(fork_id, "write", approve=True)
    world.work()
    assert ran(world, fork_id) == [("write", 3), ("publish", 1)]
    (first_words, second_words) = world.runner.chains[-2].previous_rounds
    assert (first_words.words, second_words.words) == ("shorter", "longer")
    assert texts(world, first)[1] == "write, round 2"


def test_after_a_rejection_the_task_runs_with_its_words(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, REJECTION)
    world.work()
    assert ran(world, fork_id) == [("write", 2)]
    assert [each.words for each in world.runner.chains[-1].previous_rounds] == ["shorter"]


def test_with_other_inputs(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, COMMIT_LOOK, inputs={"tone": "calm"})
    world.work()
    assert world.runner.chains[-1].inputs == {"topic": "bees", "tone": "calm"}
    assert ran(world, fork_id) == [("write", 1)]


def test_from_the_beginning_it_is_a_new_run_of_all(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, 0)
    assert state(world, fork_id) is ExecutionState.QUEUED
    world.work()
    assert ran(world, fork_id) == [("look", 1), ("write", 1)]


def test_words_reach_the_tasks_to_come(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    forked(world, first, COMMIT_LOOK, human_feedback="look at Europe")
    world.work()
    (told,) = world.runner.chains[-1].added_context()
    assert told == "Human feedback on the task 'look' (round 1):\nlook at Europe"
    forked(world, first, 0, human_feedback="in French")
    world.work()
    assert world.runner.chains[-1].added_context() == ("Human feedback:\nin French",)


def test_words_at_a_question_reject_the_output(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, ASK, human_feedback="in rhymes")
    assert world.snapshot(fork_id).pending == ()
    world.work()
    assert ran(world, fork_id) == [("write", 2)]
    assert [each.words for each in world.runner.chains[-1].previous_rounds] == ["in rhymes"]
    assert len(world.snapshot(fork_id).pending) == 1


def test_an_edited_output_stands_in_the_others_place(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, COMMIT_LOOK, edited_output="I looked myself")
    world.work()
    assert world.runner.chains[-1].outputs["look"].raw == "I looked myself"
    assert texts(world, fork_id) == ["I looked myself"]
    assert texts(world, first)[0] == "look, round 1"


@pytest.mark.parametrize("number", [ASK_AGAIN, COMMIT_WRITE])
def test_an_edited_output_that_was_approved_is_judged_again(
    reviewed: tuple[World, str], number: int
) -> None:
    world, first = reviewed
    fork_id = forked(world, first, number, edited_output="my words")
    (asked,) = world.snapshot(fork_id).pending
    assert asked.output.raw == "my words"
    assert asked.review.output_digest == Output("my words").digest
    assert world.jobs == []
    world.answer(fork_id, asked.review.id, approve=True)
    world.work()
    assert ran(world, fork_id) == [("publish", 1)]
    assert texts(world, fork_id)[1] == "my words"


def test_a_fork_of_what_was_superseded_or_stopped(a_world: AWorld) -> None:
    world = a_world("look", "write", "publish")
    first = world.kickoff()
    world.run(world.jobs.pop(0))
    stop(world.ports, EVERYWHERE, first, "tests")
    world.jobs.clear()
    fork_id = forked(world, first, 1)
    world.work()
    assert ran(world, fork_id) == [("write", 1), ("publish", 1)]


def test_a_fork_may_be_forked(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, COMMIT_WRITE, edited_output="my words")
    (asked,) = world.snapshot(fork_id).pending
    again = forked(world, fork_id, 4)
    (asked_again,) = world.snapshot(again).pending
    assert (asked_again.output.raw, asked_again.review.id == asked.review.id) == ("my words", False)


def test_a_doubled_call_with_a_key_is_one(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    assert forked(world, first, 1, key="k") == forked(world, first, 1, key="k")
    assert len(world.jobs) == 1


@pytest.mark.parametrize(
    ("number", "body", "error", "why"),
    [
        (99, {}, UnknownCheckpoint, "1 to 7"),
        (REJECTION, {"edited_output": "x"}, Invalid, "no output"),
        (0, {"edited_output": "x"}, Invalid, "no output"),
        (ASK, {"edited_output": "x", "human_feedback": "y"}, Invalid, "not both"),
    ],
)
def test_what_makes_no_sense_is_refused(
    reviewed: tuple[World, str], number: int, body: Any, error: Any, why: str
) -> None:
    world, first = reviewed
    with pytest.raises(error, match=why):
        forked(world, first, number, **body)
    assert world.jobs == []


def test_inputs_are_held_against_what_the_crew_needs(a_world: AWorld) -> None:
    world = a_world("look")
    schema = {"properties": {"n": {"type": "integer"}}}
    plan = replace(world.runner.the_plan, inputs=("topic",), schema=schema)
    manifest = Manifest("crew", plan, None, world.ports.clock.now(), "w-1")
    world.ports.store.transact(lambda tx: tx.manifests.put(manifest))
    first = world.kickoff(inputs={"topic": "bees"})
    with pytest.raises(Invalid, match="integer"):
        forked(world, first, 0, inputs={"n": "one"})


def purged(world: World, execution_id: str) -> None:
    world.ports.store.transact(
        lambda tx: (
            tx.outputs.purge(execution_id),
            tx.checkpoints.purge(execution_id),
            tx.reviews.purge(execution_id),
            tx.executions.purged(execution_id, tx.now()),
        )
    )


def outputs_of(world: World, execution_id: str) -> list[str]:
    entries = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))
    ids = list(dict.fromkeys(each.output_id for each in entries if each.output_id))
    found = world.ports.store.read(lambda tx: tx.outputs.get(ids))
    return [found[each].raw for each in ids]


def test_what_is_shared_outlives_the_purge_of_the_first(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, REJECTION)
    purged(world, first)

    assert outputs_of(world, fork_id) == ["look, round 1", "write, round 1"]
    assert outputs_of(world, first) == ["look, round 1", "write, round 1", "", ""]
    world.work()
    assert world.runner.chains[-1].previous_rounds[0].words == "shorter"
    with pytest.raises(CannotRewind, match="purged"):
        forked(world, first, 1)


def test_what_is_shared_is_purged_with_the_last(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    second, third = forked(world, first, END), forked(world, first, END)
    for each in (first, second):
        purged(world, each)
        assert outputs_of(world, third)[0] == "look, round 1"
    purged(world, third)
    assert set(outputs_of(world, first)) == {""}


def test_the_first_keeps_its_outputs_when_the_fork_is_purged(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, END)
    purged(world, fork_id)
    assert outputs_of(world, first)[0] == "look, round 1"
    purged(world, first)
    assert set(outputs_of(world, first)) == {""}


def test_retention_purges_a_fork_as_any_other(
    a_world: AWorld, later: Callable[[float], None]
) -> None:
    world = a_world("look", "write")
    first = world.halted()
    fork_id = forked(world, first, 1)
    world.work()
    later(60)
    world.ports = replace(world.ports, keep_finished=timedelta(seconds=1))
    assert purge(world.ports) == 2
    assert set(outputs_of(world, fork_id)) == {""}
