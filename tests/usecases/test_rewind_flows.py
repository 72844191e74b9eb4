"""Flows are rewound and forked as crews are: what stands is replayed, the rest runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import user_flows
from world import World

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import Invalid
from orchestrator.ports import Ended, Result, RunContext
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.reviews.expire import expire_review
from orchestrator.wire.requests import ForkBody, parse

Make = Callable[..., World]

DRAFT, ASK, ANSWER, REVIEW, DRAFT_2, ASK_2, ANSWER_2, REVIEW_2, PUBLISH, END = range(1, 11)


def back_to(world: World, execution_id: str, number: int) -> None:
    rewind(world.ports, Rewind(execution_id, number, "tests"))


def forked(world: World, execution_id: str, number: int, **body: Any) -> str:
    asked = parse(ForkBody, {"checkpoint": number, **body})
    return str(fork(world.ports, Fork(execution_id, asked, "tests", "api"))["execution_id"])


def finished(world: World) -> str:
    """A run of the loop that was sent back once."""
    execution_id = world.halted()
    world.say(execution_id, "review", outcome="revise")
    world.work()
    world.say(execution_id, "review", outcome="go")
    world.work()
    assert paths(world, execution_id)[-1] == "publish#1"
    user_flows.RAN.clear()
    return execution_id


def paths(world: World, execution_id: str) -> list[str]:
    return [each.path for each in world.snapshot(execution_id).committed]


def state(world: World, execution_id: str) -> ExecutionState:
    return world.snapshot(execution_id).execution.state


def test_a_rejection_that_was_rewound_counts_as_no_round(a_flow: Make) -> None:
    world = a_flow("judged")
    execution_id = world.halted()
    world.say(execution_id, "write", is_approve=False)
    world.work()
    back_to(world, execution_id, 1)
    world.work()
    world.say(execution_id, "write", is_approve=False)
    world.work()
    rounds = [each.round for each in world.snapshot(execution_id).reviews]
    assert rounds == [1, 2, 1, 2]


def test_what_stands_is_not_run_again(a_flow_of_each: Make) -> None:
    world = a_flow_of_each("loop")
    execution_id = finished(world)
    back_to(world, execution_id, REVIEW)
    world.work()
    assert user_flows.RAN == ["draft", "review"]
    world.say(execution_id, "review", outcome="go")
    world.work()
    assert user_flows.RAN == ["draft", "review", "publish"]
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_to_a_question_it_is_asked_again_and_may_be_answered_otherwise(a_flow: Make) -> None:
    world = a_flow("loop")
    execution_id = finished(world)
    back_to(world, execution_id, ASK)
    (asked,) = world.snapshot(execution_id).pending
    assert asked.review.round == 1
    world.say(execution_id, asked.review.id, outcome="go")
    world.work()
    assert user_flows.RAN == ["publish"]
    assert paths(world, execution_id) == ["draft#1", "review#1", "publish#1"]
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_what_a_running_flow_still_does_is_refused(a_flow_of_each: Make) -> None:
    world = a_flow_of_each("loop")
    execution_id = world.kickoff()

    def goes_back(act: str, path: str) -> None:
        if (act, path) == ("ask", "review#1"):
            world.runner.watch = lambda *_: None
            back_to(world, execution_id, 0)

    world.runner.watch = goes_back
    world.run(world.jobs.pop(0))
    assert world.snapshot(execution_id).reviews == ()
    assert paths(world, execution_id) == []
    world.work()
    assert user_flows.RAN == ["draft", "review"] * 2
    assert [each.review.task_name for each in world.snapshot(execution_id).pending] == ["review"]


def test_two_open_reviews_are_withdrawn_and_asked_anew(a_flow: Make) -> None:
    world = a_flow("two_reviews")
    execution_id = world.halted()
    back_to(world, execution_id, 0)
    assert world.snapshot(execution_id).pending == ()
    world.work()
    assert sorted(each.review.task_name for each in world.snapshot(execution_id).pending) == [
        "left",
        "right",
    ]
    world.say(execution_id, "left", outcome="left_ok")
    world.say(execution_id, "right", human_feedback="nice")
    world.work()
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_words_that_a_model_has_yet_to_weigh_are_weighed_no_more(a_flow: Make) -> None:
    world = a_flow("letter")
    execution_id = world.halted()
    world.runner.says = "none of them"
    world.say(execution_id, "write", human_feedback="hm")
    world.work()
    world.say(execution_id, "write", human_feedback="perhaps")
    back_to(world, execution_id, 0)
    weighing = [run.state for run in world.snapshot(execution_id).runs if run.weighs]
    assert weighing == [TaskRunState.COMMITTED, TaskRunState.WITHDRAWN]
    world.work()
    assert world.runner.asked == ["hm"]


def test_a_fork_of_a_finished_flow(a_flow_of_each: Make) -> None:
    world = a_flow_of_each("loop")
    first = finished(world)
    fork_id = forked(world, first, ASK_2)
    (asked,) = world.snapshot(fork_id).pending
    assert asked.output.raw == "review 2"
    world.say(fork_id, asked.review.id, outcome="revise")
    world.work()
    world.say(fork_id, "review", outcome="go")
    world.work()
    assert user_flows.RAN == ["draft", "review", "publish"]
    assert paths(world, fork_id)[-3:] == ["draft#3", "review#3", "publish#1"]
    assert len(paths(world, first)) == 5


def test_a_fork_with_an_edited_step(a_flow: Make) -> None:
    world = a_flow("judged")
    first = world.halted()
    world.say(first, "write", is_approve=True)
    world.work()
    fork_id = forked(world, first, 3, edited_output="my words")
    (asked,) = world.snapshot(fork_id).pending
    assert asked.output.raw == "my words"
    world.say(fork_id, asked.review.id, is_approve=True)
    world.work()
    assert world.snapshot(fork_id).committed[0].output.raw == "my words"
    assert state(world, fork_id) is ExecutionState.SUCCEEDED


def refused(world: World, first: str, number: int, **body: Any) -> tuple[str, Any]:
    with pytest.raises(Invalid) as refusal:
        forked(world, first, number, **body)
    return refusal.value.message, refusal.value.details


def test_a_fork_with_words_is_refused_with_what_to_do(a_flow: Make) -> None:
    world = a_flow("loop")
    first = finished(world)
    why = (
        "A flow hears words in its reviews only: fork from the checkpoint where it asks, and "
        "answer the review of the fork."
    )
    about = {"human_feedback": "this is a flow"}
    assert refused(world, first, DRAFT, human_feedback="shorter") == (why, about)
    assert forked(world, first, DRAFT, human_feedback="  ")


def commits_and_ends(output: Output, state: JsonObject | None = None) -> Callable[..., Result]:
    """The run of a flow that commits one step, and ends."""

    def run(_deployment: object, _work: object, context: RunContext) -> Result:
        context.commit("draft#1", output, state, {"total_tokens": 7})
        return Ended(Output("done"), {"total_tokens": 7})

    return run


def test_what_its_steps_made_of_the_inputs_is_not_made_anew(a_flow: Make) -> None:
    world = a_flow("loop")
    world.runner.run = commits_and_ends(Output("a draft"), {"topic": "bees"})
    first = world.halted(inputs={"topic": "bees"})
    why = (
        "The steps before this checkpoint made the flow's state of the inputs that it had: fork "
        "from checkpoint 0, which is its beginning, or kick off a new one."
    )
    about = {"inputs": "only from checkpoint 0 of this flow"}
    assert refused(world, first, 1, inputs={"topic": "ants"}) == (why, about)
    anew = forked(world, first, 0, inputs={"topic": "ants"})
    assert world.snapshot(anew).execution.inputs == {"topic": "ants"}


def test_an_output_that_is_more_than_a_text_is_edited_in_a_review_alone(a_flow: Make) -> None:
    world = a_flow("loop")
    world.runner.run = commits_and_ends(Output("a draft", extra={"of": "the runner"}))
    first = world.halted()
    why = (
        "What 'draft' gave is more than text or data: edit it in a review, or fork from the "
        "checkpoint before and have the step run again."
    )
    about = {"edited_output": "this output cannot be edited"}
    assert refused(world, first, 1, edited_output="mine") == (why, about)


def test_a_text_that_nobody_was_asked_about_may_be_edited(a_flow: Make) -> None:
    world = a_flow("loop")
    world.runner.run = commits_and_ends(Output("a draft"))
    first = world.halted()
    fork_id = forked(world, first, 1, edited_output="mine")
    (draft,) = world.snapshot(fork_id).committed
    assert (draft.path, draft.output.raw) == ("draft#1", "mine")


def test_a_fork_costs_nothing_yet(a_flow: Make) -> None:
    world = a_flow("loop")
    world.runner.run = commits_and_ends(Output("a draft"))
    first = world.halted()
    fork_id = forked(world, first, 1)
    spent = [
        [each.usage for each in world.ports.store.read(lambda tx, id_=id_: tx.checkpoints.of(id_))]  # type: ignore[misc]
        for id_ in (first, fork_id)
    ]
    assert spent == [[{"total_tokens": 7}, {}], [{}]]
    assert world.snapshot(fork_id).usage["total_tokens"] == 0


def test_the_runs_of_a_fork_s_flow_have_halted_or_are_done(a_flow: Make) -> None:
    world = a_flow("judged")
    first = world.halted()
    world.say(first, "write", is_approve=True)
    world.work()
    states = {
        number: [run.state for run in world.snapshot(forked(world, first, number)).runs]
        for number in (1, 5)
    }
    assert states == {
        1: [TaskRunState.HALTED, TaskRunState.DUE],
        5: [TaskRunState.HALTED, TaskRunState.COMMITTED],
    }


def test_a_flow_whose_review_expired_is_retried(a_flow: Make) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    (asked,) = world.snapshot(execution_id).pending
    expire_review(world.ports, asked.review)
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")
    world.work()
    world.say(execution_id, "review", outcome="go")
    world.work()
    assert state(world, execution_id) is ExecutionState.SUCCEEDED
