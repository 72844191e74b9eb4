"""A new execution begins with the checkpoint of another, and goes its own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from calling import die_once, dies
from policies import ANN, BEN, CAT, open_review, policy, recipients_of, reviews_of, says
from sqlalchemy import update
from world import World

from orchestrator.adapters.sql.schema import recipients, reviews, task_runs
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.domain.review import ReviewState
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import (
    CannotRewind,
    Invalid,
    NotEntitled,
    UnknownCheckpoint,
    UnknownDeployment,
    UnknownExecution,
)
from orchestrator.jobs import RESUME
from orchestrator.ports import Ended
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.rewind import Rewind, rewind
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
    assert created.at == found.created_at


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


@pytest.mark.parametrize(
    ("body", "anew"),
    [({}, ["print"]), ({"inputs": {"tone": "calm"}}, ["prepare", "plan", "print"])],
)
def test_what_the_crew_made_of_its_inputs_is_made_anew_of_others(
    a_world: AWorld, body: Any, anew: list[str]
) -> None:
    world = a_world("write")
    kinds = {"prepare": TaskKind.BEFORE_KICKOFF, "plan": TaskKind.PLANNING}
    kinds |= {"write": TaskKind.TASK, "print": TaskKind.TASK}
    world.loads(Plan(tuple(PlannedTask(name, kind) for name, kind in kinds.items())))
    fork_id = forked(world, world.halted(), 3, **body)
    world.work()
    assert [path for path, _ in ran(world, fork_id)] == anew
    assert state(world, fork_id) is ExecutionState.SUCCEEDED


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
    assert reviews_of(world, fork_id)[-2].output_id == asked.review.output_id
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


def test_its_checkpoints_are_numbered_anew(a_world: AWorld) -> None:
    world = a_world("look", "write", "publish")
    first = world.halted()
    rewind(world.ports, Rewind(first, 1, "tests"))
    world.work()
    fork_id = forked(world, first, 6)
    entries = world.ports.store.read(lambda tx: tx.checkpoints.of(fork_id))
    assert [(each.number, each.path) for each in entries] == [
        (1, "look"),
        (2, "write"),
        (3, "publish"),
    ]


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


def other(first: Any, copy: Any) -> dict[str, Any]:
    """What the fork's copy has otherwise."""
    names = [each.name for each in fields(first)]
    return {
        each: getattr(copy, each) for each in names if getattr(copy, each) != getattr(first, each)
    }


@pytest.fixture
def told(a_world: AWorld) -> tuple[World, str]:
    """The same, with all that the rows of an execution may have."""
    world = a_world("look", "write?", "publish", review_timeout=timedelta(days=1))
    world.ports = replace(world.ports, trace=lambda _execution_id: "t-1")
    hook = {"humanInputWebhookUrl": "http://93.184.215.14/"}
    first = world.halted(meta={"who": "me"}, requester=ANN, **hook)
    said = {"human_feedback": "shorter", "reviewer": "Ann", **hook}
    world.say(first, "write", is_approve=False, **said)
    world.work()
    world.say(first, "write", is_approve=True, edited_output="my words", **said)
    world.work()
    now = world.ports.clock.now()
    of_runs = {"error": "no ink", "saved": {"total_tokens": 3}, "lease_until": now}
    of_reviews = {
        "note": "none of them",
        "outcome": "go",
        "passed_on_as": "Send it",
        "actor": "ann",
    }
    with world.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        connection.execute(update(task_runs).values(current_step="write#1", **of_runs))
        connection.execute(update(reviews).values(weighing=True, **of_reviews))
    return world, first


def test_a_fork_is_an_execution_of_its_own_and_has_the_rest_of_the_first(
    told: tuple[World, str],
) -> None:
    world, first = told
    asked = Fork(first, ForkBody(checkpoint=COMMIT_LOOK), "tests", "api", identity=BEN)
    fork_id = str(fork(world.ports, asked)["execution_id"])
    found = world.snapshot(fork_id).execution
    whole = other(world.snapshot(first).execution, found)
    assert whole.pop("version") == 2
    its_own = {"created_at", "started_at", "entries", "last_digest"}
    assert {key: value for key, value in whole.items() if key not in its_own} == {
        "id": fork_id,
        "state": ExecutionState.RUNNING,
        "origin": "api",
        "finished_at": None,
        "result": None,
        "sequence": 0,
        "checkpoints": 1,
        "forked_from": first,
        "forked_at": COMMIT_LOOK,
        "requester": BEN,
    }


def test_a_run_that_was_done_is_copied_without_what_it_cost(told: tuple[World, str]) -> None:
    world, first = told
    fork_id = forked(world, first, END)
    pairs = list(zip(world.snapshot(first).runs, world.snapshot(fork_id).runs, strict=True))
    assert [run.state for run, _ in pairs] == [
        TaskRunState.COMMITTED,
        TaskRunState.REJECTED,
        TaskRunState.COMMITTED,
        TaskRunState.COMMITTED,
    ]
    for run, copy in pairs:
        assert other(run, copy) == {
            "id": copy.id,
            "execution_id": fork_id,
            "version": 1,
            "claimed_by": None,
            "attempts": 0,
            "usage": None,
            "execution_time": None,
            "trace": None,
            "error": None,
            "saved": None,
            "lease_until": None,
            "current_step": None,
        }
        assert copy.id != run.id


def test_a_review_that_was_answered_is_copied_with_its_answer(told: tuple[World, str]) -> None:
    world, first = told
    fork_id = forked(world, first, END)
    runs = {run.round: run.id for run in world.snapshot(fork_id).runs if run.path == "write"}
    for review, copy in zip(reviews_of(world, first), reviews_of(world, fork_id), strict=True):
        assert other(review, copy) == {
            "id": copy.id,
            "execution_id": fork_id,
            "task_run_id": runs[review.round],
            "version": 1,
            "expires_at": None,
            "token_hash": None,
            "read_by": None,
            "note": None,
            "passed_on_as": None,
            "weighing": False,
        }


def test_a_review_that_had_no_answer_is_copied_as_withdrawn(told: tuple[World, str]) -> None:
    world, first = told
    fork_id = forked(world, first, ASK_AGAIN)
    found = world.snapshot(fork_id)
    copy = reviews_of(world, fork_id)[1]
    assert other(reviews_of(world, first)[1], copy) == {
        "id": copy.id,
        "execution_id": fork_id,
        "task_run_id": found.runs[2].id,
        "state": ReviewState.WITHDRAWN,
        "version": 1,
        "expires_at": None,
        "closed_at": found.execution.created_at,
        "approved": None,
        "words": None,
        "edited_output_id": None,
        "channel": None,
        "reviewer": None,
        "token_hash": None,
        "read_by": None,
        "note": None,
        "passed_on_as": None,
        "weighing": False,
        "outcome": None,
        "actor": "tests",
    }
    assert found.runs[2].state is TaskRunState.UNDER_REVIEW


def test_a_fork_has_its_checkpoints_in_their_order(told: tuple[World, str]) -> None:
    world, first = told
    fork_id = forked(world, first, COMMIT_WRITE)
    kept, copies = (
        world.ports.store.read(lambda tx, id_=each: tx.checkpoints.of(id_))  # type: ignore[misc]
        for each in (first, fork_id)
    )
    assert len(copies) == COMMIT_WRITE
    reviews = [each.id for each in reviews_of(world, fork_id)]
    reviewed_in = {ASK: 0, REJECTION: 0, ASK_AGAIN: 1, APPROVAL: 1}
    for before, copy in zip(kept, copies, strict=False):
        place = reviewed_in.get(before.number)
        of_review = {} if place is None else {"review_id": reviews[place]}
        own = {"id": copy.id, "execution_id": fork_id, **of_review}
        assert {**other(before, copy), "usage": {}} == {**own, "usage": {}}
        assert copy.usage == {}


def test_the_words_that_a_fork_has_cannot_be_taken_back_in_the_first(a_world: AWorld) -> None:
    world = a_world("write?", "publish")
    first = world.halted()
    world.answer(first, "write", approve=True, words="good")
    (review,) = reviews_of(world, first)
    assert review.read_by is None
    fork_id = forked(world, first, 2)
    (review,) = reviews_of(world, first)
    assert review.read_by == fork_id
    forked(world, first, 2)
    assert reviews_of(world, first) == (review,)


def test_where_nothing_was_said_a_fork_takes_no_words_along(a_world: AWorld) -> None:
    world = a_world("write?", "publish")
    first = world.halted()
    world.answer(first, "write", approve=True)
    before = reviews_of(world, first)
    forked(world, first, 2)
    assert reviews_of(world, first) == before


def test_an_edited_output_fits_what_later_tasks_can_take(a_world: AWorld) -> None:
    world = a_world("look", "write")
    fits = {"properties": {"n": {"type": "integer"}}}
    data = Output('{"n":1}', json={"n": 1}, extra={EDITS_FIT: fits})
    world.runner.run = lambda *_: Ended(data, {})
    first = world.halted()
    with pytest.raises(Invalid) as refused:
        forked(world, first, 1, edited_output='{"n":"one"}')
    assert list(refused.value.details) == ["edited_output.n"]
    assert texts(world, forked(world, first, 1, edited_output='{"n":2}')) == ['{"n":2}']


def test_whoever_may_only_look_forks_nothing(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    for scope, refusal in (
        (Scope(frozenset(), frozenset({"crew"})), NotEntitled),
        (Scope.of("other"), UnknownExecution),
    ):
        with pytest.raises(refusal):
            fork(world.ports, Fork(first, ForkBody(checkpoint=1), "tests", "api", scope))


def test_what_nobody_declares_any_more_is_not_forked(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    world.without_deployments()
    with pytest.raises(UnknownDeployment):
        forked(world, first, 1)


def test_a_fork_is_told_which_it_is_and_its_job_goes_on(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    told = fork(world.ports, Fork(first, ForkBody(checkpoint=1), "ann", "api"))
    fork_id = str(told["execution_id"])
    assert told == {"execution_id": fork_id, "forked_from": first, "checkpoint": 1}
    assert [(job.name, job.arguments["execution_id"]) for job in world.jobs] == [(RESUME, fork_id)]
    created, started, *_ = timeline(world.ports, fork_id)[1]
    assert (created.event, created.subject_id, created.actor) == (
        "execution.create",
        fork_id,
        "ann",
    )
    assert (started.event, started.actor) == ("execution.start", "ann")


@pytest.mark.parametrize(
    ("number", "body", "message", "details"),
    [
        (
            REJECTION,
            {"edited_output": "x"},
            "Checkpoint 3 has no output that could be edited.",
            {"edited_output": "the checkpoint has no output"},
        ),
        (
            ASK,
            {"edited_output": "x", "human_feedback": "y"},
            "Edit the output that is asked about, or say what has to change; not both.",
            {"human_feedback": "not with edited_output at a question"},
        ),
    ],
)
def test_a_refusal_says_what_the_checkpoint_does_not_take(
    reviewed: tuple[World, str], number: int, body: Any, message: str, details: Any
) -> None:
    world, first = reviewed
    with pytest.raises(Invalid) as refused:
        forked(world, first, number, **body)
    assert (refused.value.message, refused.value.details) == (message, details)


def test_of_what_was_purged_nothing_is_forked(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    purged(world, first)
    with pytest.raises(CannotRewind, match=r"^Its outputs were purged: kick off a new one\.$"):
        forked(world, first, 1)


@pytest.mark.parametrize(
    ("number", "place", "round_", "approved"),
    [(COMMIT_LOOK, 0, 1, None), (COMMIT_WRITE, 2, 2, None), (ASK_AGAIN, 2, 2, False)],
)
def test_words_are_kept_as_said_of_the_output_that_stood_there(
    reviewed: tuple[World, str], number: int, place: int, round_: int, *, approved: bool | None
) -> None:
    world, first = reviewed
    fork_id = forked(world, first, number, human_feedback="look at Europe", reviewer="Ann")
    run = world.snapshot(fork_id).runs[place]
    said = reviews_of(world, fork_id)[-1]
    assert (said.state, said.words, said.approved) == (
        ReviewState.ANSWERED,
        "look at Europe",
        approved,
    )
    assert (said.actor, said.channel, said.reviewer) == ("tests", "api", "Ann")
    assert (said.task_run_id, said.output_id, said.round) == (run.id, run.output_id, round_)
    last = world.ports.store.read(lambda tx: tx.checkpoints.of(fork_id))[-1]
    assert (last.cause, last.review_id, last.path, last.name) == (
        Cause.ANSWER,
        said.id,
        run.path,
        run.task_name,
    )
    assert (last.number, last.created_at) == (number + 1, said.closed_at)


def test_words_at_the_beginning_are_about_no_output(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    fork_id = forked(world, first, 0, human_feedback="in French")
    (said,) = reviews_of(world, fork_id)
    assert (said.path, said.task_name, said.round) == ("", "", 1)
    assert world.ports.store.read(lambda tx: tx.outputs.one(said.output_id)) == Output("")


def test_a_vote_is_copied_as_what_nobody_can_cast_again(a_world: AWorld) -> None:
    rule = policy(ANN, BEN, CAT, four_eyes=True, decisions=2)
    world = a_world("write?", review_policy=rule)
    first = world.halted()
    asked = open_review(world, first)
    with world.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        at = world.ports.clock.now()
        connection.execute(update(recipients).values(trouble="full", snoozed_until=at))
    says(world, asked, ANN, is_approve=True)
    says(world, asked, BEN, is_approve=False, human_feedback="no")
    fork_id = forked(world, first, 2)
    (copied,) = reviews_of(world, fork_id)
    before, after = recipients_of(world, asked), recipients_of(world, copied)
    assert sorted(after) == [ANN, BEN]
    for who in (ANN, BEN):
        assert before[who].trouble == "full"
        assert other(before[who], after[who]) == {
            "id": after[who].id,
            "review_id": copied.id,
            "execution_id": fork_id,
            "version": 1,
            "trouble": None,
            "snoozed_until": None,
            "token_hash": None,
        }


def test_a_run_that_a_person_had_yet_to_judge_has_ended_with_the_words_of_the_fork(
    a_world: AWorld,
) -> None:
    world = a_world("write?")
    first = world.halted()
    assert world.snapshot(first).runs[0].finished_at is None
    found = world.snapshot(forked(world, first, 1, human_feedback="shorter"))
    assert (found.runs[0].state, found.runs[0].finished_at) == (
        TaskRunState.REJECTED,
        found.execution.created_at,
    )


def test_a_run_whose_output_was_edited_has_the_edited_one(reviewed: tuple[World, str]) -> None:
    world, first = reviewed
    found = world.snapshot(forked(world, first, COMMIT_LOOK, edited_output="I looked myself"))
    look = found.runs[0]
    assert look.output_id != world.snapshot(first).runs[0].output_id
    output = world.ports.store.read(lambda tx: tx.outputs.one(str(look.output_id)))
    assert output.raw == "I looked myself"
