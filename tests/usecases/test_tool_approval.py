"""Tools that a person has to approve, by the use cases alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from calling import LOOK, MODEL, PAY, Caller, Left, die_once, dies
from policies import ANN, BEN, open_review, policy, recipients_of, says
from world import World

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.domain.calls import Approval, AskedCall, CallKind, RecordedCall, ToolRules
from orchestrator.domain.canonical import digest
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.review_policy import Ask, ReviewPolicy, Rule, Source
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import AlreadyAnswered, Invalid
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.expire import expire_review
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import ResumeBody, parse
from orchestrator.wire.webhooks import AskedReview, human_input_body, pending_body

APPROVAL = {"tools": ToolRules(approval=("pay*",))}
FITS = {"properties": {"for": {"type": "integer"}}, "required": ["for"]}
APPROVE, REJECT = {"outcome": "approve"}, {"outcome": "reject"}


@pytest.fixture
def held(calling: Any) -> tuple[World, Caller, str]:
    """An execution that was left where it would pay."""
    world, caller = calling(**APPROVAL)
    caller.fits = FITS
    execution_id = world.halted()
    return world, caller, execution_id


def run_of(world: World, execution_id: str) -> TaskRun:
    return world.snapshot(execution_id).runs[-1]


def calls_of(world: World, execution_id: str) -> tuple[RecordedCall, ...]:
    run = run_of(world, execution_id)
    return world.ports.store.read(lambda tx: tx.calls.of(run))


def asked(world: World, execution_id: str) -> Any:
    (pending,) = world.snapshot(execution_id).pending
    return pending


def say(world: World, execution_id: str, **body: Any) -> None:
    """Answer the one open review, and have the worker go on."""
    world.say(execution_id, asked(world, execution_id).review.id, **body)
    world.work()


def voids(world: World, execution_id: str) -> list[Any]:
    """Why calls were not made, of the one run that there is."""
    entries = world.ports.store.read(lambda tx: tx.timeline.of(execution_id))
    found = [entry for entry in entries if entry.event == "approval.void"]
    run = run_of(world, execution_id)
    for entry in found:
        assert (entry.subject_id, entry.task_name, entry.round) == (run.id, run.task_name, 1)
        assert (entry.details["tool"], entry.details["call"]) == (PAY, 4)
    return [entry.details["note"] for entry in found]


def is_done(world: World, execution_id: str) -> bool:
    return world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


# Asked ------------------------------------------------------------------------------------------


def test_the_call_is_not_made_and_costs_no_attempt(held: Any) -> None:
    world, caller, execution_id = held
    assert caller.made == [MODEL, LOOK, MODEL]
    run = run_of(world, execution_id)
    assert (run.state, run.attempts, run.claimed_by) == (TaskRunState.UNDER_REVIEW, 0, None)
    state = world.snapshot(execution_id).execution.state
    assert state is ExecutionState.PENDING_HUMAN_INPUT
    assert world.jobs == []


def test_whoever_approved_a_call_did_not_answer_the_round_before(calling: Any) -> None:
    world, _ = calling("write?", **APPROVAL, review_policy=policy(ANN, BEN, four_eyes=True))
    call = open_review(world, world.halted())
    says(world, call, ANN, **APPROVE)
    world.work()
    judged = open_review(world, call.execution_id)
    assert (judged.kind, list(recipients_of(world, judged))) == (QuestionKind.JUDGE, [ANN, BEN])


def test_the_tokens_of_recorded_calls_are_counted_once_they_are_served(calling: Any) -> None:
    world, caller = calling(**APPROVAL)
    caller.usage = {"total_tokens": 3 * 15 + 1, "cached_prompt_tokens": 0}
    assert run_of(world, world.halted()).usage == {"total_tokens": 1}


def test_people_are_shown_the_tool_and_the_exact_arguments(held: Any) -> None:
    world, _, execution_id = held
    pending = asked(world, execution_id)
    call = calls_of(world, execution_id)[-1]
    assert (call.approval, call.arguments) == (Approval.ASKED, {"for": 4})
    metadata = {"call": call.number, "tool": PAY, "digest": call.digest}
    notice = human_input_body(AskedReview(pending.review, pending.output), None, None)
    for body in (notice, pending_body(pending.review)):
        shown = {key: body[key] for key in ("kind", "emit", "metadata")}
        assert shown == {"kind": "approval", "emit": ["approve", "reject"], "metadata": metadata}
        assert body["message"] == (
            "May 'pay' be called with these arguments? 'approve', with other arguments in "
            "edited_output if need be; or 'reject', with what the agent is told in human_feedback."
        )
    assert (notice["task_output"], notice["output_digest"]) == ('{"for":4}', digest('{"for":4}'))


def test_the_arguments_are_put_before_a_person_as_the_output_of_the_step(held: Any) -> None:
    world, _, execution_id = held
    pending = asked(world, execution_id)
    assert (pending.review.path, pending.review.task_name) == ("write", "write")
    assert pending.output == Output(
        '{"for":4}',
        description="The arguments of a call of pay",
        json={"for": 4},
        extra={EDITS_FIT: {**FITS, "type": "object", "additionalProperties": False}},
    )


def test_edits_of_arguments_that_nobody_knows_the_form_of_are_any_object(calling: Any) -> None:
    world, _ = calling(**APPROVAL)
    pending = asked(world, world.halted())
    assert pending.output.extra == {EDITS_FIT: {"type": "object"}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"human_feedback": "ok"}, "is_approve"),
        ({"human_feedback": "approve"}, "is_approve"),
        ({"outcome": "maybe"}, "outcome"),
        ({"outcome": ""}, "outcome"),
        ({"outcome": "reject", "is_approve": True}, "is_approve"),
        ({"is_approve": False, "edited_output": '{"for":5}'}, "edited_output"),
        ({"edited_output": "five"}, "edited_output"),
        ({"edited_output": "[5]"}, "edited_output"),
        ({"edited_output": '{"to":5}'}, "edited_output"),
        ({"edited_output": '{"for":"five"}'}, "edited_output"),
        ({"edited_output": '{"for":5,"to":5}'}, "edited_output"),
        ({"is_approve": False, "rework_from": "write"}, "rework_from"),
    ],
)
def test_what_does_not_answer_changes_nothing(held: Any, body: Any, field: str) -> None:
    world, _, execution_id = held
    before = asked(world, execution_id).review
    with pytest.raises(Invalid) as refused:
        world.say(execution_id, before.id, **body)
    assert {each.partition(".")[0] for each in refused.value.details} == {field}
    assert asked(world, execution_id).review == before


# Answered ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "given"),
    [
        ({"is_approve": True}, {"for": 4}),
        ({"outcome": "Approve."}, {"for": 4}),
        ({"is_approve": True, "edited_output": '{"for": 5}'}, {"for": 5}),
        ({"edited_output": '{"for": 5}'}, {"for": 5}),
    ],
)
def test_what_is_approved_is_made_once_as_it_was_approved(held: Any, body: Any, given: Any) -> None:
    world, caller, execution_id = held
    say(world, execution_id, **body)
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]
    assert caller.given == [given]
    assert is_done(world, execution_id)
    assert (run_of(world, execution_id).attempts, voids(world, execution_id)) == (1, [])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"is_approve": False, "human_feedback": "too much"}, "too much"),
        (REJECT, "A person did not approve this call of pay: it was not made."),
    ],
)
def test_what_is_rejected_is_never_made_and_the_agent_is_told(
    held: Any, body: Any, told: str
) -> None:
    world, caller, execution_id = held
    say(world, execution_id, **body)
    assert caller.made == [MODEL, LOOK, MODEL, MODEL]
    assert caller.answers == ["model 1", "look 2", "model 3", told]
    assert is_done(world, execution_id)


def test_words_on_a_call_reach_no_later_task(calling: Any) -> None:
    world, caller = calling("write", "publish", **APPROVAL)
    execution_id = world.halted()
    say(world, execution_id, is_approve=False, human_feedback="no")
    say(world, execution_id, is_approve=False, human_feedback="no")
    assert [chain.added_context() for chain in caller.chains] == [(), ()]


class SameCall(Caller):
    """Every payment is the same."""

    def asked(self, chain: Any, number: int, name: str) -> AskedCall:
        if name != PAY:
            return super().asked(chain, number, name)
        return AskedCall(chain.path, CallKind.TOOL, PAY, "sha256:same", {"for": "rent"})


def test_an_approval_is_used_once(calling: Any) -> None:
    world, caller = calling(max_attempts=2, **APPROVAL)
    caller.__class__ = SameCall
    caller.calls = [MODEL, PAY, MODEL, PAY, PAY, PAY]
    execution_id = world.halted()
    for paid in range(1, 5):  # more often than there are attempts
        say(world, execution_id, **APPROVE)
        assert caller.made.count(PAY) == paid
    assert is_done(world, execution_id)
    assert caller.made.count(MODEL) == 2


def test_an_answer_that_comes_before_the_run_has_left_is_taken(held: Any, calling: Any) -> None:
    world, caller = calling(**APPROVAL)
    execution_id = world.kickoff()
    caller.held = lambda: world.say(
        execution_id, asked(world, execution_id).review.id, is_approve=True
    )
    world.work()
    assert caller.given == [{"for": 4}]
    assert is_done(world, execution_id)


def test_a_halt_that_is_caught_ends_no_task(calling: Any) -> None:
    world, caller = calling(**APPROVAL)
    kept = Caller.call

    def swallowed(*args: Any) -> None:
        try:
            kept(caller, *args)
        except Left:
            caller.answers.append("went on")

    caller.call = swallowed
    execution_id = world.halted()
    assert run_of(world, execution_id).state is TaskRunState.UNDER_REVIEW
    say(world, execution_id, **APPROVE)
    assert caller.made.count(PAY) == 1
    assert is_done(world, execution_id)


def test_where_two_have_to_approve_one_does_not(calling: Any) -> None:
    ask = tuple(Ask(Source.ADDRESS, f"{name}@x.example") for name in ("ann", "bob"))
    policy = ReviewPolicy((Rule(ask=ask, decisions=2),))
    world, caller = calling(review_policy=policy, **APPROVAL)
    execution_id = world.halted()
    review = asked(world, execution_id).review.id

    def says(name: str, **body: Any) -> None:
        said = {"execution_id": execution_id, "task_id": review, **body}
        who = f"{name}@x.example"
        answer(world.ports, Answer("crew", parse(ResumeBody, said), "tests", "api", identity=who))
        world.work()

    with pytest.raises(Invalid):
        says("ann", edited_output='{"for": 5}')
    says("ann", **APPROVE)
    assert caller.given == []
    says("bob", is_approve=True)
    assert caller.given == [{"for": 4}]


# Void -------------------------------------------------------------------------------------------

OTHERWISE = "what was said of the call of 'pay' is void, and it is not made: "


def test_another_conversation_asks_anew(held: Any) -> None:
    world, caller, execution_id = held
    first = asked(world, execution_id).review
    caller.asks = "something else"
    say(world, execution_id, **APPROVE)
    assert PAY not in caller.made
    why = "something else was asked: the prompt differs"
    assert voids(world, execution_id) == [OTHERWISE + why]
    assert asked(world, execution_id).review.id != first.id
    say(world, execution_id, **REJECT)
    assert PAY not in caller.made
    assert is_done(world, execution_id)


def test_a_call_that_is_the_same_in_another_conversation_is_asked_about_anew(
    calling: Any,
) -> None:
    world, caller = calling(**APPROVAL)
    caller.__class__ = SameCall
    execution_id = world.halted()
    caller.asks = "something else"
    say(world, execution_id, **APPROVE)
    assert PAY not in caller.made
    say(world, execution_id, **REJECT)  # the old approval does not count
    assert PAY not in caller.made
    assert is_done(world, execution_id)


def test_a_rejection_in_another_conversation_says_nothing_of_the_call(calling: Any) -> None:
    world, caller = calling(**APPROVAL)
    caller.__class__ = SameCall
    execution_id = world.halted()
    caller.at = {5: dies}
    world.say(execution_id, asked(world, execution_id).review.id, **REJECT)
    die_once(world)
    caller.asks = "something else"
    world.work()
    say(world, execution_id, **APPROVE)
    assert caller.made.count(PAY) == 1


def test_a_call_that_never_comes_again_is_told(held: Any) -> None:
    world, caller, execution_id = held
    caller.calls = [MODEL, LOOK]
    say(world, execution_id, **APPROVE)
    assert is_done(world, execution_id)
    assert voids(world, execution_id) == [OTHERWISE + "the task did not come to it any more"]


def test_other_calls_of_the_tool_are_asked_about(held: Any) -> None:
    world, caller, execution_id = held
    caller.calls = [MODEL, LOOK, MODEL, "pay_more", MODEL]
    say(world, execution_id, **APPROVE)
    assert asked(world, execution_id).review.question.metadata["tool"] == "pay_more"
    assert PAY not in caller.made


@pytest.mark.parametrize("before", [True, False])
def test_a_journal_that_is_gone_asks_anew(held: Any, *, before: bool) -> None:
    world, caller, execution_id = held
    review = asked(world, execution_id).review
    run = run_of(world, execution_id)
    if not before:
        world.say(execution_id, review.id, **APPROVE)
    world.ports.store.transact(lambda tx: tx.calls.purge(run))
    if before:
        world.say(execution_id, review.id, **APPROVE)
    world.work()
    assert voids(world, execution_id) == [OTHERWISE + "it is gone from the journal"] * before
    assert PAY not in caller.made
    assert asked(world, execution_id).review.id != review.id


def test_an_answer_about_one_call_says_nothing_of_another_with_its_number(held: Any) -> None:
    world, caller, execution_id = held
    run, call = run_of(world, execution_id), calls_of(world, execution_id)[-1]
    other = replace(call, digest="sha256:other")

    def put_in_its_place(tx: Any) -> None:
        tx.calls.drop(run, [call.number])
        tx.calls.add(run, other)

    world.ports.store.transact(put_in_its_place)
    world.say(execution_id, asked(world, execution_id).review.id, **APPROVE)
    assert calls_of(world, execution_id)[-1] == other
    assert voids(world, execution_id) == [OTHERWISE + "it is gone from the journal"]
    assert PAY not in caller.made


def test_without_a_journal_the_approval_is_void(held: Any) -> None:
    world, _, execution_id = held
    deployment = replace(world.ports.deployments.get("crew"), journal=False, tools=ToolRules())
    world.say(execution_id, asked(world, execution_id).review.id, **APPROVE)
    world.ports = replace(world.ports, deployments=DeploymentFile({"crew": deployment}))
    world.work()
    why = "the deployment journals no calls any more"
    assert voids(world, execution_id) == [OTHERWISE + why]
    assert calls_of(world, execution_id) == ()


def test_what_was_asked_stays_so_without_the_rule(held: Any) -> None:
    world, caller, execution_id = held
    deployment = replace(world.ports.deployments.get("crew"), tools=ToolRules())
    world.ports = replace(world.ports, deployments=DeploymentFile({"crew": deployment}))
    say(world, execution_id, edited_output='{"for": 5}')
    assert caller.given == [{"for": 5}]


def test_a_stopped_execution_takes_no_approval(held: Any) -> None:
    world, _, execution_id = held
    review = asked(world, execution_id).review
    stop(world.ports, EVERYWHERE, execution_id, "tests")
    with pytest.raises(AlreadyAnswered):
        world.say(execution_id, review.id, **APPROVE)


def test_a_review_that_expired_is_asked_again_by_a_retry(held: Any) -> None:
    world, caller, execution_id = held
    review = asked(world, execution_id).review
    expire_review(world.ports, review)
    assert world.snapshot(execution_id).execution.state is ExecutionState.FAILED
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")
    world.work()
    assert asked(world, execution_id).review.id != review.id
    say(world, execution_id, **APPROVE)
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]


# Crashes ----------------------------------------------------------------------------------------


def test_a_crash_while_a_person_is_asked_asks_nobody_twice(calling: Any) -> None:
    world, caller = calling(**APPROVAL)
    execution_id = world.kickoff()
    caller.held = dies
    die_once(world)
    first = asked(world, execution_id).review
    caller.held = lambda: None
    world.work()
    assert asked(world, execution_id).review == first
    say(world, execution_id, **APPROVE)
    assert caller.made.count(PAY) == 1


@pytest.mark.parametrize(
    ("said", "paid"),
    [({"outcome": "done", "human_feedback": "paid"}, 0), ({"outcome": "run-again"}, 1)],
)
def test_an_approved_call_that_was_cut_off_is_never_made_again_unasked(
    held: Any, said: dict[str, str], paid: int
) -> None:
    world, caller, execution_id = held
    caller.at = {4: dies}
    world.say(execution_id, asked(world, execution_id).review.id, edited_output='{"for":5}')
    die_once(world)
    world.work()
    pending = asked(world, execution_id)
    assert pending.review.kind is QuestionKind.EFFECT
    assert "'pay' was called with {\"for\":5}" in pending.output.raw
    say(world, execution_id, **said)
    assert caller.given == [{"for": 5}] * paid
    assert is_done(world, execution_id)


def test_an_approved_call_that_ended_is_served(held: Any) -> None:
    world, caller, execution_id = held
    caller.at = {5: dies}
    world.say(execution_id, asked(world, execution_id).review.id, **APPROVE)
    die_once(world)
    world.work()
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]
    assert is_done(world, execution_id)


def test_what_cannot_be_stored_is_not_made(calling: Any) -> None:
    world, caller = calling(max_attempts=1, **APPROVAL)
    caller.asked = lambda chain, _, name: AskedCall(
        chain.path, CallKind.TOOL, name, "", unstorable="cannot be stored: a lock"
    )
    caller.calls = [PAY]
    execution_id = world.halted()
    assert caller.made == []
    error = world.snapshot(execution_id).execution.error
    assert "'pay' needs approval, and what it is given cannot be stored: a lock" in str(error)


def test_after_the_end_of_the_journal_nobody_is_asked(
    calling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.usecases.executions.call_journal.LIMIT", 5)
    world, caller = calling(**APPROVAL)
    execution_id = world.halted()
    assert PAY not in caller.made
    error = world.snapshot(execution_id).execution.error
    assert "'pay' needs approval, and its journal has ended" in str(error)
