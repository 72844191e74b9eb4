"""Flows: steps that commit one by one, several reviews open at a time, answers in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import user_flows
from policies import ANN, open_review, policy, token_of
from world import WorkerDied, World

from orchestrator.adapters.runners.functions import flow_run
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import Scope
from orchestrator.domain.review import ReviewState
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import AlreadyAnswered, DatabaseAway, Invalid, NotPending
from orchestrator.ports import Halted, MailIdentity
from orchestrator.usecases import outage
from orchestrator.usecases.executions.claims import end_lapsed_claim
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.reviews.respond import respond_with
from orchestrator.wire.requests import RespondBody

SUCCEEDED = ExecutionState.SUCCEEDED

Make = Callable[..., World]


def state(world: World, execution_id: str) -> ExecutionState:
    return world.snapshot(execution_id).execution.state


def asked(world: World, execution_id: str) -> dict[str, str]:
    """The open reviews: ids by the names of what asks."""
    return {each.review.task_name: each.review.id for each in world.snapshot(execution_id).pending}


def committed(world: World, execution_id: str) -> list[str]:
    return [each.path for each in world.snapshot(execution_id).committed]


def test_a_loop_asks_for_as_many_rounds_as_it_takes(a_flow_of_each: Make) -> None:
    world = a_flow_of_each("loop")
    execution_id = world.halted()
    for _ in range(2):
        world.say(execution_id, "review", outcome="revise", human_feedback="again")
        world.work()
    world.say(execution_id, "review", outcome="go")
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert user_flows.RAN == ["draft", "review"] * 3 + ["publish"]
    assert committed(world, execution_id) == [
        *(f"{name}#{n}" for n in (1, 2, 3) for name in ("draft", "review")),
        "publish#1",
    ]


def test_rounds_are_counted_and_capped(a_flow: Make) -> None:
    world = a_flow("loop", max_rounds=1)
    execution_id = world.halted()
    world.say(execution_id, "review", outcome="revise")
    world.work()
    failed = world.snapshot(execution_id).execution
    assert failed.state is ExecutionState.FAILED
    assert "round 2" in (failed.error or "")


def test_rounds_are_counted_for_each_step(a_flow: Make) -> None:
    world = a_flow("judged_twice")
    execution_id = world.halted()
    for approve in (False, True):
        world.say(execution_id, "write", is_approve=approve)
        world.work()
    rounds = [(each.task_name, each.round) for each in world.snapshot(execution_id).reviews]
    assert rounds == [("write", 1), ("write", 2), ("print", 1)]


def test_two_reviews_are_open_at_a_time_and_a_join_fires_once(a_flow_of_each: Make) -> None:
    world = a_flow_of_each("two_reviews")
    execution_id = world.halted()
    assert set(asked(world, execution_id)) == {"left", "right"}
    world.say(execution_id, "right", human_feedback="nice")
    world.work()
    assert state(world, execution_id) is ExecutionState.PENDING_HUMAN_INPUT
    world.say(execution_id, "left", human_feedback="Left_OK.")
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert sorted(user_flows.RAN) == ["join", "left", "right", "slow"]


def test_answers_that_come_while_it_runs_begin_no_second_run(a_flow: Make) -> None:
    world = a_flow("two_reviews")
    execution_id = world.halted()
    world.say(execution_id, "right", human_feedback="nice")
    world.say(execution_id, "left", outcome="left_ok")
    assert len(world.jobs) == 1
    world.work()
    runs = world.snapshot(execution_id).runs
    assert [run.state for run in runs] == [TaskRunState.HALTED, TaskRunState.COMMITTED]
    assert state(world, execution_id) is SUCCEEDED


def test_an_answer_that_a_running_flow_did_not_see_is_seen_by_the_next_run(a_flow: Make) -> None:
    world = a_flow("two_reviews")
    execution_id = world.kickoff()
    original = user_flows.two_reviews.steps[2].work

    def answers_meanwhile(call: object) -> object:
        world.say(execution_id, "left", outcome="left_ok")
        return original(call)

    object.__setattr__(user_flows.two_reviews.steps[2], "work", answers_meanwhile)
    try:
        world.work()
    finally:
        object.__setattr__(user_flows.two_reviews.steps[2], "work", original)
    world.say(execution_id, "right", human_feedback="fine")
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert len(world.snapshot(execution_id).runs) == 3


def test_a_worker_that_dies_costs_the_step_that_was_under_way(
    a_flow: Make, lapse: Callable[[World], None], later: Callable[[float], None]
) -> None:
    world = a_flow("two_reviews")
    execution_id = world.kickoff()
    job = world.jobs.pop(0)

    def dies(*doing: str) -> None:
        if doing == ("commit", "slow#1"):
            raise WorkerDied

    world.runner.watch = dies
    with pytest.raises(WorkerDied):
        world.run(job)
    world.runner.watch = lambda *_: None
    lapse(world)
    assert end_lapsed_claim(world.ports, job.arguments["task_run_id"])
    later(32)
    world.run(job)
    world.say(execution_id, "right", human_feedback="fine")
    world.say(execution_id, "left", outcome="left_ok")
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert sorted(user_flows.RAN) == ["join", "left", "right", "slow", "slow"]


def test_what_nothing_follows_is_written_with_the_end_of_the_run(a_flow_of_each: Make) -> None:
    world = a_flow_of_each("letter")
    execution_id = world.halted()
    world.say(execution_id, "write", outcome="send")
    world.work()
    written: dict[str, list[str]] = {}
    for entry in timeline(world.ports, execution_id)[1]:
        written.setdefault(str(entry.at), []).append(entry.event)
    together = [events for events in written.values() if len(events) > 1]
    assert ["review.open", "execution.halt", "task_run.halt"] in together
    assert ["step.commit", "task_run.commit", "execution.succeed"] in together


def test_an_end_that_cannot_be_written_loses_no_step(
    a_flow: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_flow("letter")
    execution_id = world.halted()
    world.say(execution_id, "write", outcome="send")
    run = world.runner.run

    def ends_oddly(*asked: Any) -> Halted:
        run(*asked)
        return Halted({})

    with monkeypatch.context() as patched:
        patched.setattr(world.runner, "run", ends_oddly)
        world.work()
    assert state(world, execution_id) is ExecutionState.FAILED
    assert committed(world, execution_id) == ["write#1", "post#1"]
    retry_execution(world.ports, Scope.of("crew"), execution_id, "tests")
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert user_flows.RAN == ["write", "post"]


@pytest.mark.parametrize(("flow", "step"), [("loop", "review#1"), ("two_reviews", "right#1")])
def test_what_was_committed_though_nobody_heard_is_written_once(
    a_flow_of_each: Make, monkeypatch: pytest.MonkeyPatch, flow: str, step: str
) -> None:
    monkeypatch.setattr(outage, "_pauses", lambda: iter([0.0]))
    world = a_flow_of_each(flow)
    store: Any = world.ports.store
    heard = store._crash_point

    def connection_breaks(place: str) -> None:
        if place == "after-commit":
            store._crash_point = heard
            raise DatabaseAway

    def before_the_step(*doing: str) -> None:
        if doing == ("begin", step):  # what the one before came to is written then
            store._crash_point = connection_breaks

    world.runner.watch = before_the_step
    execution_id = world.halted()
    written = [(each.cause, each.path) for each in world.snapshot(execution_id).checkpoints]
    assert len(written) == len(set(written))
    assert len(world.snapshot(execution_id).pending) == len(asked(world, execution_id))


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(1), BaseException("odd")])
def test_a_step_that_fails_lets_others_ask_first_and_a_retry_goes_on(
    a_flow: Make, error: BaseException
) -> None:
    user_flows.FAILING["breaks"] = error
    world = a_flow("failing", max_attempts=1)
    execution_id = world.halted()
    assert state(world, execution_id) is ExecutionState.FAILED
    user_flows.FAILING.clear()
    retry_execution(world.ports, Scope.of("crew"), execution_id, "tests")
    world.work()
    world.say(execution_id, "works", outcome="yes")
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert user_flows.RAN == ["breaks", "works", "breaks", "end"]


def test_steps_that_call_each_other_for_ever_fail_for_good(
    a_flow: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_run, "MOST_CALLS", 3)
    world = a_flow("endless", max_attempts=2)
    execution_id = world.halted()
    error = world.snapshot(execution_id).execution.error
    assert error == "Task 'flow' failed after 1 attempt: Step 'ping' was called more than 3 times"
    assert user_flows.RAN == ["ping", "pong"] * 3


def test_a_step_that_failed_is_left_before_another_begins(a_flow: Make) -> None:
    user_flows.FAILING["breaks"] = ValueError("not today")
    world = a_flow("failing", max_attempts=1)
    told: list[tuple[str, str]] = []
    world.runner.watch = lambda *what: told.append(what)
    world.halted()
    assert told[:3] == [("begin", "breaks#1"), ("leave", "breaks#1"), ("begin", "works#1")]


def test_a_rejected_step_runs_again_with_the_words(a_flow: Make) -> None:
    world = a_flow("judged")
    execution_id = world.halted()
    assert world.say(execution_id, "write", is_approve=False, human_feedback="no")["status"] == (
        "retrying"
    )
    world.work()
    (pending,) = world.snapshot(execution_id).pending
    assert pending.review.round == 2
    world.say(execution_id, "write", is_approve=True)
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert user_flows.RAN == ["write", "write", "print"]


def test_an_edited_output_is_what_follows_get(a_flow: Make) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    world.say(execution_id, "review", outcome="go", edited_output="mine")
    world.work()
    texts = {each.path: each.output.raw for each in world.snapshot(execution_id).committed}
    assert texts["review#1"] == "mine"


def test_words_are_weighed_by_a_model_in_a_worker(a_flow_of_each: Make) -> None:
    world = a_flow_of_each("loop")
    world.runner.says = "go"
    execution_id = world.halted()
    told = world.say(execution_id, "review", human_feedback="I suppose it is fine")
    assert (told["status"], told["weighing"]) == ("resumed", True)
    assert world.snapshot(execution_id).pending[0].review.weighing
    assert world.snapshot(execution_id).runs[-1].task_name == "review"
    world.work()
    assert world.runner.asked == ["I suppose it is fine"]
    (took,) = (run.execution_time for run in world.snapshot(execution_id).runs if run.weighs)
    assert took is not None
    assert 0 <= took < 60
    (review,) = world.snapshot(execution_id).reviews
    assert (review.outcome, review.words) == ("go", "I suppose it is fine")
    assert state(world, execution_id) is SUCCEEDED


def test_a_database_that_is_away_before_words_are_weighed_costs_no_attempt(
    a_flow: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "_pauses", lambda: iter([0.0]))
    world = a_flow("loop", max_attempts=1)
    world.runner.says = "go"
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="I suppose it is fine")
    store: Any = world.ports.store
    read = store.read

    def is_away(_work: object) -> None:
        store.read = read
        raise DatabaseAway

    world.ports = replace(world.ports, crash_point=lambda _: setattr(store, "read", is_away))
    world.run(world.jobs.pop(0))
    (review,) = world.snapshot(execution_id).reviews
    assert review.outcome == "go"


def test_a_flow_that_halts_again_waits_again(a_flow: Make) -> None:
    """What it was told before it began this time is no reason to go on."""
    world = a_flow("two_reviews")
    execution_id = world.halted()
    world.say(execution_id, "left", outcome="left_ok")
    world.work()
    now = world.snapshot(execution_id)
    assert [run.state for run in now.runs] == [TaskRunState.HALTED] * 2
    assert [run.round for run in now.runs] == [1, 2]


def test_a_halt_is_in_the_timeline_and_what_it_cost_is_kept(a_flow: Make) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    events = [each.event for each in timeline(world.ports, execution_id)[1]]
    assert events.count("task_run.halt") == 1
    (run,) = world.snapshot(execution_id).runs
    assert run.usage is not None
    assert run.execution_time is not None


def test_words_that_are_weighed_are_in_the_timeline_with_whose_they_are(a_flow: Make) -> None:
    world = a_flow("loop")
    world.runner.says = "go"
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="hmm", reviewer="Alice", edited_output="mine")
    (line,) = [
        each for each in timeline(world.ports, execution_id)[1] if each.event == "review.weigh"
    ]
    assert (line.actor, line.details["feedback"]) == ("tests", "hmm")
    assert (line.details["channel"], line.details["reviewer"]) == ("api", "Alice")
    world.work()
    texts = {each.path: each.output.raw for each in world.snapshot(execution_id).committed}
    assert texts["review#1"] == "mine", "what a person edited stays, whatever a model says"
    resumed = [each.resumes for each in world.snapshot(execution_id).runs]
    assert resumed == sorted(resumed)
    assert resumed[-1]


@pytest.mark.parametrize("says", ["perhaps", None, RuntimeError("no key")])
def test_words_that_cannot_be_weighed_leave_the_review_open_with_a_note(
    a_flow: Make, says: str | Exception | None
) -> None:
    world = a_flow("loop")
    world.runner.says = says
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="hmm")
    world.work()
    (pending,) = world.snapshot(execution_id).pending
    assert not pending.review.weighing
    assert "go, revise" in (pending.review.note or "")
    assert told_undecided(world, execution_id) == [pending.review.note]
    world.say(execution_id, "review", outcome="go")
    world.work()
    assert state(world, execution_id) is SUCCEEDED


def told_undecided(world: World, execution_id: str) -> list[object]:
    """The notes with which reviews were left undecided, as the timeline has them."""
    entries = timeline(world.ports, execution_id)[1]
    return [each.details["note"] for each in entries if each.event == "review.undecided"]


def test_words_whose_worker_died_leave_the_review_open_with_a_note(
    a_flow: Make, lapse: Callable[[World], None]
) -> None:
    world = a_flow("loop", max_attempts=1)
    world.runner.says = WorkerDied()
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="hmm")
    with pytest.raises(WorkerDied):
        world.work()
    lapse(world)
    sweep(world.ports)
    (pending,) = world.snapshot(execution_id).pending
    why = "The words could not be weighed (The lease of worker w-1 lapsed)"
    assert (pending.review.weighing, pending.review.note) == (
        False,
        f"{why}. Name one of: go, revise",
    )
    assert told_undecided(world, execution_id) == [pending.review.note]


def test_words_are_weighed_each_time_in_a_round_that_resumes(a_flow: Make) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    for words in ("hmm", "well"):
        world.say(execution_id, "review", human_feedback=words)
        world.work()
    weighed = [each for each in world.snapshot(execution_id).runs if each.weighs]
    assert [(each.round, each.resumes) for each in weighed] == [(1, True), (2, True)]


def test_an_explicit_outcome_wins_over_words_that_are_being_weighed(a_flow: Make) -> None:
    world = a_flow("loop")
    world.runner.says = "revise"
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="hmm")
    weighing = world.jobs.pop()
    with pytest.raises(AlreadyAnswered):
        world.say(execution_id, "review", human_feedback="something else")
    world.say(execution_id, "review", outcome="go")
    world.run(weighing)
    world.work()
    assert state(world, execution_id) is SUCCEEDED
    assert user_flows.RAN == ["draft", "review", "publish"]


@pytest.mark.parametrize(
    "body",
    [
        {"is_approve": True},
        {"outcome": "burn"},
        {"outcome": ""},
    ],
)
def test_what_chooses_no_option_is_refused_and_loses_nothing(a_flow: Make, body: dict) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    with pytest.raises(Invalid, match="go, revise"):
        world.say(execution_id, "review", **body)
    assert len(world.snapshot(execution_id).pending) == 1


def test_empty_words_are_the_default_option(a_flow: Make) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="")
    assert world.snapshot(execution_id).reviews[0].outcome == "go"


def test_words_cannot_be_rejected(a_flow: Make) -> None:
    world = a_flow("two_reviews")
    execution_id = world.halted()
    with pytest.raises(Invalid, match="cannot be rejected"):
        world.say(execution_id, "right", is_approve=False)


def test_a_stop_withdraws_every_review(a_flow: Make) -> None:
    world = a_flow("two_reviews")
    execution_id = world.halted()
    stop(world.ports, Scope.of("crew"), execution_id, "tests")
    states = {review.state for review in world.snapshot(execution_id).reviews}
    assert states == {ReviewState.WITHDRAWN}
    with pytest.raises(NotPending):
        world.say(execution_id, "left", outcome="left_ok")


def test_whoever_answered_by_mail_is_told_that_their_words_decided_nothing(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN))
    world.ports = replace(world.ports, mail=MailIdentity("crew@example.com"))
    execution_id = world.halted()
    review = open_review(world, execution_id)
    body = RespondBody(feedback="Hm, well.")
    respond_with(world.ports, token_of(world, review, ANN), body, "mail")
    world.work()
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    mails = world.ports.store.read(lambda tx: [tx.deliveries.get(each.id) for each in deliveries])
    last = max((each for each in mails if each), key=lambda each: each.sequence)
    assert "go, revise" in str(last.body)
    assert '"notice":"reminder"' in str(last.body)
