"""The journal of calls by the use cases alone: a runner that makes calls as a test says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from calling import LOOK, MODEL, PAY, Caller, ask, die_once, dies
from celery.exceptions import SoftTimeLimitExceeded
from world import WorkerDied, World

from orchestrator.api.v1.records import execution_record
from orchestrator.domain.calls import ToolRules
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.work import Work
from orchestrator.errors import DatabaseAway, Invalid, TaskFailed
from orchestrator.ports import RunContext
from orchestrator.usecases import outage
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.executions.claims import end_claims_of_lost_child, give_back_claims
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.executions.snapshot import history, timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.purge import purge
from workers.lease_keeper import ThreadLeaseKeeper

ONCE = {"tools": ToolRules(once=("pay*",))}


def fails() -> None:
    raise OSError("the model is away")


def rejects() -> None:
    raise TaskFailed("not good enough")


def out_of_time() -> None:
    raise SoftTimeLimitExceeded


def crash(world: World, **body: Any) -> str:
    """Kick off, and have the worker die where the runner says."""
    execution_id = world.kickoff(**body)
    die_once(world)
    return execution_id


def run_of(world: World, execution_id: str) -> TaskRun:
    return world.snapshot(execution_id).runs[-1]


def journal_of(world: World, execution_id: str) -> tuple[Any, ...]:
    run = run_of(world, execution_id)
    return world.ports.store.read(lambda tx: tx.calls.of(run))


def notes(world: World, execution_id: str) -> list[Any]:
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    return [entry.details["note"] for entry in entries if entry.event.startswith("journal.")]


def test_no_call_is_made_twice_after_a_crash(calling: Any) -> None:
    world, caller = calling()
    caller.at = {4: dies}
    execution_id = crash(world)
    world.work()
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]
    assert notes(world, execution_id) == [
        "served 2 model calls and 1 tool call from the journal; live from call 4: the journal ends"
    ]
    saved = world.snapshot(execution_id).saved
    assert saved == {"model_calls": 2, "tool_calls": 1, "total_tokens": 45}


@pytest.mark.parametrize("unheard", [1, 2, 3])
def test_a_call_that_was_written_though_nobody_heard_costs_no_attempt(
    calling: Any, monkeypatch: pytest.MonkeyPatch, unheard: int
) -> None:
    monkeypatch.setattr(outage, "_pauses", lambda: iter([0.0]))
    world, caller = calling(max_attempts=1, **ONCE)
    left = [unheard]

    def connection_breaks(place: str) -> None:
        left[0] -= place == "after-commit"
        if left[0] == 0:
            left[0] = -1
            raise DatabaseAway

    begins = partial(setattr, world.ports.store, "_crash_point", connection_breaks)
    caller.at = {3: begins}
    execution_id = world.kickoff()
    world.work()
    assert world.snapshot(execution_id).execution.state == "SUCCEEDED"
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]


def test_a_crash_after_the_last_call_asks_nothing_anew(calling: Any) -> None:
    world, caller = calling()
    caller.ends = dies
    execution_id = crash(world)
    caller.ends, caller.made = lambda: None, []
    world.work()
    assert caller.made == []
    assert notes(world, execution_id) == [
        "served 3 model calls and 2 tool calls from the journal; nothing was asked anew"
    ]


def test_a_worker_that_shuts_down_loses_no_call(calling: Any) -> None:
    world, caller = calling()
    caller.at = {4: dies}
    world.kickoff()
    with pytest.raises(WorkerDied):
        world.run(world.jobs.pop(0))
    give_back_claims(world.ports, "w-1")
    world.work()
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]


def test_other_prompts_are_asked_anew(calling: Any) -> None:
    world, caller = calling()
    caller.at = {4: dies}
    execution_id = crash(world)
    caller.asks, caller.made = "something else", []
    world.work()
    assert len(caller.made) == 5
    assert notes(world, execution_id) == [
        (
            "served 0 model calls and 0 tool calls from the journal; live from call 1: "
            "the prompt differs"
        )
    ]


def test_the_journal_is_purged_as_its_task_ends(calling: Any) -> None:
    world, caller = calling("write?")
    caller.at = {4: dies}
    execution_id = crash(world)
    assert len(journal_of(world, execution_id)) == 3
    world.work()
    assert journal_of(world, execution_id) == ()


def test_a_task_that_was_rewound_in_its_middle_keeps_no_calls(calling: Any) -> None:
    world, caller = calling("write", "send")
    caller.at = {4: dies}
    execution_id = crash(world)
    run = run_of(world, execution_id)
    rewind(world.ports, Rewind(execution_id, 0, "tests"))
    assert world.ports.store.read(lambda tx: tx.calls.of(run)) == ()


def test_a_stopped_execution_keeps_no_calls(calling: Any) -> None:
    world, caller = calling()
    caller.at = {4: dies}
    execution_id = crash(world)
    stop(world.ports, EVERYWHERE, execution_id, "tests")
    assert journal_of(world, execution_id) == ()


def test_a_new_round_is_asked_anew(calling: Any) -> None:
    world, caller = calling("write?")
    execution_id = world.halted()
    caller.made, caller.at = [], {2: dies}
    world.answer(execution_id, "write", approve=False, words="shorter")
    die_once(world)
    world.work()
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]


def test_without_a_journal_every_call_is_made_again(calling: Any) -> None:
    world, caller = calling(journal=False)
    caller.at = {4: dies}
    execution_id = crash(world)
    assert journal_of(world, execution_id) == ()
    world.work()
    assert len(caller.made) == 3 + 5


def test_after_a_call_that_failed_the_next_attempt_goes_on_from_there(calling: Any) -> None:
    world, caller = calling()
    caller.at = {3: fails}
    world.kickoff()
    job = world.jobs[0]
    world.work()
    world.hurry()
    world.run(job)
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]


def test_after_its_time_limit_a_task_goes_on_from_there(calling: Any) -> None:
    world, caller = calling()
    caller.at = {5: out_of_time}
    execution_id = world.kickoff()
    job = world.jobs[0]
    keeper = ThreadLeaseKeeper(world.ports, "w-1", ())
    run_task(world.ports, Worker("w-1", keeper, world.runner.plan), **job.arguments)
    assert "over its time limit" in str(run_of(world, execution_id).error)
    world.hurry()
    world.run(job)
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]


def test_answers_that_a_task_failed_on_are_not_served_again(calling: Any) -> None:
    world, caller = calling(**ONCE)
    caller.ends = rejects
    execution_id = world.kickoff()
    job = world.jobs[0]
    world.work()
    world.hurry()
    caller.ends, caller.made = lambda: None, []
    world.run(job)
    assert caller.made == [MODEL, LOOK, MODEL, MODEL]  # what runs once does so
    assert notes(world, execution_id)[0] == (
        "4 calls are made anew: the attempt failed on their answers"
    )


def test_a_zombies_calls_never_enter_the_journal(calling: Any) -> None:
    world, caller = calling()
    execution_id = world.kickoff()
    job = world.jobs.pop(0)
    newer: list[Any] = []

    def lose_the_claim() -> None:
        end_claims_of_lost_child(world.ports, "w-1", job.arguments["task_run_id"])
        world.hurry()
        caller.at = {3: dies}
        with pytest.raises(WorkerDied):
            world.run(job)
        newer.extend(journal_of(world, execution_id))

    caller.at = {3: lose_the_claim}
    world.run(job)  # the zombie goes on with call 3, and is refused
    assert len(newer) == 2
    assert list(journal_of(world, execution_id)) == newer
    assert run_of(world, execution_id).claim_no == 2


@pytest.fixture
def doubtful(calling: Any) -> tuple[World, Caller, str]:
    """An execution whose worker died while it paid."""
    world, caller = calling(**ONCE)
    caller.at = {4: dies}
    execution_id = crash(world)
    world.work()
    caller.made = []
    return world, caller, execution_id


def review_of(world: World, execution_id: str) -> Any:
    (pending,) = world.snapshot(execution_id).pending
    return pending


def test_a_call_of_unknown_effect_halts_and_makes_no_call(doubtful: Any) -> None:
    world, caller, execution_id = doubtful
    pending = review_of(world, execution_id)
    assert (pending.review.path, pending.review.task_name) == ("write", "write")
    assert pending.output == Output(
        "'pay' was called with {\"for\":4}, and its worker was gone before it had written down an "
        "end. Whether the call took effect is not known; it is not made again unasked.",
        description="The call 4 of pay",
    )
    question = pending.review.question
    assert (question.kind, question.options) == (
        QuestionKind.EFFECT,
        ("done", "run-again", "give-up"),
    )
    assert question.message == (
        "Did 'pay' take effect? 'done' with its result in human_feedback, 'run-again' to have it "
        "called again, or 'give-up'."
    )
    assert question.metadata == {"call": 4, "tool": PAY, "arguments": {"for": 4}}
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    (doubted,) = (each for each in entries if each.event == "task_run.doubt")
    assert doubted.details == {"call": 4, "tool": PAY}
    assert run_of(world, execution_id).state is TaskRunState.UNDER_REVIEW
    assert caller.made == []


def test_done_goes_on_with_the_result_that_a_person_says(doubtful: Any) -> None:
    world, caller, execution_id = doubtful
    review = review_of(world, execution_id).review
    world.say(execution_id, review.id, outcome="done", human_feedback="paid, no. 7")
    run = run_of(world, execution_id)
    number = journal_of(world, execution_id)[3].number
    assert world.ports.store.read(lambda tx: tx.calls.answer(run, number)) == "paid, no. 7"
    world.work()
    assert caller.made == [MODEL]
    assert world.snapshot(execution_id).execution.state == "SUCCEEDED"


def test_run_again_calls_the_tool_again(doubtful: Any) -> None:
    world, caller, execution_id = doubtful
    review = review_of(world, execution_id).review
    world.say(execution_id, review.id, outcome="run-again")
    world.work()
    assert caller.made == [PAY, MODEL]


def test_giving_up_fails_and_a_retry_asks_again(doubtful: Any) -> None:
    world, _, execution_id = doubtful
    review = review_of(world, execution_id).review
    said = world.say(execution_id, review.id, outcome="give-up", human_feedback="ask the bank")
    assert said["status"] == "failed"
    execution = world.snapshot(execution_id).execution
    assert execution.error == "Nobody could say what the call of 'pay' did"
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")
    world.work()
    assert review_of(world, execution_id).review.id != review.id


def test_the_words_of_who_gave_up_are_purged_as_all_words_are(doubtful: Any) -> None:
    world, _, execution_id = doubtful
    review = review_of(world, execution_id).review
    world.say(execution_id, review.id, outcome="give-up", human_feedback="ask the bank")
    world.ports = replace(world.ports, keep_finished=timedelta())
    purge(world.ports)
    execution, entries = timeline(world.ports, execution_id)
    assert execution.purged_at is not None
    assert "ask the bank" not in f"{execution} {entries}"


@pytest.mark.parametrize(
    "body",
    [
        {"is_approve": True},
        {"outcome": "maybe"},
        {"outcome": "done"},
        {"outcome": "done", "edited_output": "x"},
        {"human_feedback": "done"},
    ],
)
def test_what_does_not_answer_changes_nothing(doubtful: Any, body: dict[str, Any]) -> None:
    world, _, execution_id = doubtful
    review = review_of(world, execution_id).review
    with pytest.raises(Invalid):
        world.say(execution_id, review.id, **body)
    assert review_of(world, execution_id).review == review


def test_words_on_a_call_reach_no_later_task(calling: Any) -> None:
    world, caller = calling("write", "publish", **ONCE)
    caller.at = {4: dies}
    execution_id = crash(world)
    world.work()
    review = review_of(world, execution_id).review
    world.say(execution_id, review.id, outcome="done", human_feedback="paid")
    world.work()
    assert [chain.added_context() for chain in caller.chains] == [(), ()]


def test_a_tool_that_runs_once_and_raised_has_ended(calling: Any) -> None:
    world, caller = calling(**ONCE)
    caller.at = {4: fails}
    execution_id = world.kickoff()
    job = world.jobs[0]
    world.work()
    assert [call.name for call in journal_of(world, execution_id)] == [MODEL, LOOK, MODEL]
    world.hurry()
    world.run(job)
    assert run_of(world, execution_id).state is TaskRunState.COMMITTED


def test_an_answer_that_cannot_be_stored_ends_the_journal(calling: Any) -> None:
    world, caller = calling()
    caller.calls = [MODEL, "odd", MODEL]
    answered = Caller.call

    def odd(context: RunContext, chain: Work, number: int, name: str) -> None:
        if name != "odd":
            return answered(caller, context, chain, number, name)
        given = ask(context, caller.asked(chain, number, name))
        caller.made.append(name)
        return context.journal.answered(given, None, {}, "its answer is a lock")  # type: ignore[union-attr]

    caller.call = odd  # type: ignore[method-assign]
    caller.ends = dies
    execution_id = crash(world)
    assert len(journal_of(world, execution_id)) == 2
    caller.ends, caller.made = lambda: None, []
    world.work()
    assert caller.made == ["odd", MODEL]
    why = "call 2 (odd) is not journalled, nor is what follows: its answer is a lock"
    assert notes(world, execution_id) == [
        why,
        (
            "served 1 model call and 0 tool calls from the journal; live from call 2: "
            "its answer is a lock"
        ),
        why,
    ]


def test_an_answer_over_the_limit_ends_the_journal(
    calling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.usecases.executions.call_journal.LIMIT", 5)
    world, _ = calling()
    execution_id = world.kickoff()
    world.work()
    assert notes(world, execution_id) == [
        (
            "call 1 (model) is not journalled, nor is what follows: "
            "its answer has 9 bytes, over the limit of 5"
        )
    ]


def test_the_record_of_an_execution_shows_what_was_saved(calling: Any) -> None:
    world, caller = calling()
    caller.at = {4: dies}
    execution_id = crash(world)
    world.work()
    shown = execution_record(*history(world.ports, execution_id))
    saved = {"model_calls": 2, "tool_calls": 1, "total_tokens": 45}
    assert (shown["saved"], shown["tasks"][0]["rounds"][0]["saved"]) == (saved, saved)
