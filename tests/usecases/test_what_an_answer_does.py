"""Whoever answers is told what follows, and the timeline and the checkpoints say what was said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from policies import ANN, BEN, CAT, events, open_review, policy, recipients_of, says
from world import World

from orchestrator.domain.canonical import decode
from orchestrator.domain.checkpoint import Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.review import Review
from orchestrator.errors import (
    AlreadyAnswered,
    Invalid,
    NotPending,
    OutputChanged,
    UnknownExecution,
    UnknownTask,
)
from orchestrator.ports import Halted
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.respond import respond_with
from orchestrator.wire.requests import RespondBody, ResumeBody, parse

Make = Callable[..., World]
HOOK = "https://93.184.215.14/hook"
GOES_ON = "Feedback taken; the execution goes on."
RUNS_AGAIN = "Feedback taken; the task runs again with it."


def halted(world: World, **body: Any) -> Review:
    return open_review(world, world.halted(**body))


def told(review: Review, status: str, message: str, **more: Any) -> dict[str, Any]:
    of_it = {"kickoff_id": review.execution_id, "review_id": review.id}
    return {"status": status, "message": message, **of_it, **more}


def bodies(world: World, execution_id: str, kind: str) -> list[Any]:
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    return [decode(each.body) for each in deliveries if each.kind == kind]


# What follows -----------------------------------------------------------------------------------


def test_whoever_decides_is_told_what_follows(a_world: Make) -> None:
    world = a_world("research", "write?", "print?")
    review = halted(world)
    assert says(world, review, None, is_approve=False) == told(review, "retrying", RUNS_AGAIN)
    world.work()
    review = open_review(world, review.execution_id)
    back = "Feedback taken; the work goes back to 'research' with it."
    said = {"is_approve": False, "rework_from": "research"}
    assert says(world, review, None, **said) == told(review, "retrying", back)
    world.work()
    review = open_review(world, review.execution_id)
    assert says(world, review, None, is_approve=True) == told(review, "resumed", GOES_ON)
    world.work()
    review = open_review(world, review.execution_id)
    complete = "Feedback taken; the execution is complete."
    assert says(world, review, None, is_approve=True) == told(review, "completed", complete)


def test_what_follows_an_answer_resumes(a_world: Make) -> None:
    world = a_world("write?", "print")
    review = halted(world)
    says(world, review, None, is_approve=False)
    world.work()
    says(world, open_review(world, review.execution_id), None, is_approve=True)
    runs = world.snapshot(review.execution_id).runs
    assert [(each.path, each.resumes) for each in runs] == [
        ("write", False),
        ("write", True),
        ("print", True),
    ]


def test_a_step_that_is_judged_runs_again_where_it_is_not_approved(a_flow: Make) -> None:
    world = a_flow("judged")
    review = halted(world)
    assert says(world, review, None, is_approve=False) == told(review, "retrying", RUNS_AGAIN)


def test_a_task_inside_a_step_keeps_the_name_by_which_people_know_it(a_flow: Make) -> None:
    world = a_flow("judged")
    question = Question(QuestionKind.JUDGE, "write#1/task:1", "The tide")

    def ask(_deployment: Any, _work: Any, context: Any) -> Halted:
        context.ask(question, Output("high"))
        return Halted({})

    world.runner.run = ask
    review = halted(world)
    says(world, review, None, is_approve=True)
    checkpoints = world.ports.store.read(lambda tx: tx.checkpoints.of(review.execution_id))
    assert [(each.cause, each.name) for each in checkpoints] == [
        (Cause.ASK, "The tide"),
        (Cause.ANSWER, "The tide"),
        (Cause.COMMIT, "The tide"),
    ]


def test_a_step_that_is_judged_is_final_and_told_once_it_is_approved(a_flow: Make) -> None:
    world = a_flow("judged")
    review = halted(world, taskWebhookUrl=HOOK, carryWebhooks=True)
    says(world, review, None, edited_output="mine")
    checkpoints = world.ports.store.read(lambda tx: tx.checkpoints.of(review.execution_id))
    last, (answered,) = checkpoints[-1], world.snapshot(review.execution_id).reviews
    assert (last.cause, last.path, last.name) == (Cause.COMMIT, "write#1", "write")
    assert last.output_id == answered.edited_output_id
    (body,) = bodies(world, review.execution_id, "task")
    assert {key: body[key] for key in ("task_id", "name", "output")} == {
        "task_id": "write#1",
        "name": "write",
        "output": "mine",
    }


def test_a_step_that_is_judged_as_it_is_commits_what_was_asked_about(a_flow: Make) -> None:
    world = a_flow("judged")
    review = halted(world, taskWebhookUrl=HOOK, carryWebhooks=True)
    assert says(world, review, None, is_approve=True)["status"] == "resumed"
    checkpoints = world.ports.store.read(lambda tx: tx.checkpoints.of(review.execution_id))
    assert checkpoints[-1].output_id == review.output_id
    (body,) = bodies(world, review.execution_id, "task")
    assert body["output"] == "write 1"


def test_whose_words_are_weighed_is_told_so(a_flow: Make) -> None:
    world = a_flow("letter")
    review = halted(world)
    message = "Feedback taken; a model weighs which outcome it means."
    answered = says(world, review, None, human_feedback="I suppose so")
    assert answered == told(review, "resumed", message, weighing=True)


def test_whoever_votes_is_told_how_many_are_missing(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN, BEN, CAT, decisions=3))
    review = halted(world)
    for voter, missing in ((ANN, 2), (BEN, 1)):
        message = f"Your decision is taken; {missing} more of those who are asked have to decide."
        assert says(world, review, voter, outcome="go") == told(review, "pending", message)
    message = "Those who were asked did not agree: each of them is asked again."
    assert says(world, review, CAT, outcome="revise") == told(review, "pending", message)


# Which review is meant --------------------------------------------------------------------------


def test_an_answer_has_to_say_what_it_answers(a_world: Make) -> None:
    world = a_world("write?", "print")
    review = halted(world)
    with pytest.raises(Invalid) as refused:
        says(world, review, None, review_id=None, is_approve=True)
    assert (refused.value.message, refused.value.details) == (
        "Name the task ('task_id') or the review ('review_id') that is answered.",
        {"task_id": "is required"},
    )


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"review_id": None, "task_id": ""},
            "No task or review '' in this execution. Its tasks: write, print",
        ),
        (
            {"review_id": None, "task_id": "draw"},
            "No task or review 'draw' in this execution. Its tasks: write, print",
        ),
        (
            {"review_id": "r-0"},
            "No task or review 'r-0' in this execution. Its tasks: write, print",
        ),
        ({"task_id": "print"}, "No task or review 'print' in this execution. Its tasks: write"),
    ],
)
def test_what_names_no_review_is_told_what_there_is(
    a_world: Make, named: dict[str, str | None], message: str
) -> None:
    world = a_world("write?", "print")
    review = halted(world)
    with pytest.raises(UnknownTask) as unknown:
        says(world, review, None, is_approve=True, **named)
    assert unknown.value.message == message


def test_an_answer_for_another_deployment_finds_no_execution(a_world: Make) -> None:
    world = a_world("write?")
    review = halted(world)
    said = {"execution_id": review.execution_id, "task_id": "write", "is_approve": True}
    with pytest.raises(UnknownExecution):
        answer(world.ports, Answer("other", parse(ResumeBody, said), "tests", "api"))
    assert open_review(world, review.execution_id) == review


@pytest.mark.parametrize("named", [{}, {"task_id": "write"}])
def test_a_review_is_named_by_its_id_whatever_else_names_it(
    a_world: Make, named: dict[str, str]
) -> None:
    world = a_world("write?")
    review = halted(world)
    assert says(world, review, None, is_approve=True, **named)["status"] == "completed"


def test_a_review_may_be_named_twice_by_its_id(a_world: Make) -> None:
    world = a_world("write?")
    review = halted(world)
    assert says(world, review, None, is_approve=True, task_id=review.id)["status"] == "completed"


def test_an_answer_that_comes_too_late_is_told_which_one_won(a_world: Make) -> None:
    world = a_world("write?", "print")
    review = halted(world)
    says(world, review, None, is_approve=False, human_feedback="shorter")
    world.work()
    says(world, open_review(world, review.execution_id), None, is_approve=True)
    first, second = world.snapshot(review.execution_id).reviews
    with pytest.raises(AlreadyAnswered) as late:
        says(world, review, None, is_approve=True)
    assert (late.value.message, late.value.winner) == (first.summary(), first.winner())
    with pytest.raises(NotPending) as not_pending:
        world.answer(review.execution_id, "write", approve=True)
    assert not_pending.value.winner == second.winner()
    with pytest.raises(NotPending) as never_asked:
        world.answer(review.execution_id, "print", approve=True)
    assert never_asked.value.winner is None


def test_an_answer_is_about_the_output_that_its_person_saw(a_world: Make) -> None:
    world = a_world("write?")
    review = halted(world)
    with pytest.raises(OutputChanged):
        says(world, review, None, is_approve=True, output_digest="sha256:other")
    assert says(world, review, None, is_approve=False, output_digest="")["status"] == "retrying"
    world.work()
    review = open_review(world, review.execution_id)
    seen = {"output_digest": review.output_digest}
    assert says(world, review, None, is_approve=True, **seen)["status"] == "completed"


# Webhooks ---------------------------------------------------------------------------------------


def kinds_told(world: World, execution_id: str) -> set[str]:
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    return {each.kind for each in deliveries}


def test_webhooks_that_a_resume_does_not_name_are_dropped_with_a_warning(a_world: Make) -> None:
    world = a_world("write?")
    review = halted(world, crewWebhookUrl=HOOK)
    answered = says(world, review, None, is_approve=True)
    assert answered["warnings"] == [
        (
            "The crew webhook of the kickoff was dropped: name it in the resume call to keep it, "
            'or kick off with "carryWebhooks": true.'
        )
    ]
    assert kinds_told(world, review.execution_id) == set()


@pytest.mark.parametrize(
    ("kicked_off", "resumed"),
    [
        ({"crewWebhookUrl": HOOK}, {"crewWebhookUrl": HOOK}),
        ({"crewWebhookUrl": HOOK}, {"carryWebhooks": True}),
        ({"crewWebhookUrl": HOOK, "carryWebhooks": True}, {}),
        ({}, {"crewWebhookUrl": HOOK}),
    ],
)
def test_webhooks_that_are_named_or_carried_are_told(
    a_world: Make, kicked_off: dict[str, Any], resumed: dict[str, Any]
) -> None:
    world = a_world("write?")
    review = halted(world, **kicked_off)
    assert "warnings" not in says(world, review, None, is_approve=True, **resumed)
    assert kinds_told(world, review.execution_id) == {"crew"}


def test_a_webhook_that_leads_inside_is_refused_before_anything_is_decided(a_world: Make) -> None:
    world = a_world("write?")
    review = halted(world)
    with pytest.raises(Invalid, match="crewWebhookUrl"):
        says(world, review, None, is_approve=True, crewWebhookUrl="http://127.0.0.1/")
    assert open_review(world, review.execution_id) == review


# What is written --------------------------------------------------------------------------------


def test_the_timeline_and_the_checkpoint_say_what_was_decided(a_world: Make) -> None:
    world = a_world("research", "write?", "print")
    review = halted(world)
    words = {"human_feedback": "shorter", "reviewer": "Ann"}
    says(world, review, None, is_approve=False, rework_from="research", **words)
    world.work()
    again = open_review(world, review.execution_id)
    words |= {"feedback_scope": ["print"]}
    says(world, again, None, edited_output="mine", **words)
    common = {"feedback": "shorter", "channel": "api", "reviewer": "Ann"}
    assert [details for _, details in events(world, review.execution_id, "review.answer")] == [
        {"approved": False, "rework_from": "research", **common},
        {"approved": True, "edited": True, "feedback_scope": ["print"], **common},
    ]
    checkpoints = world.ports.store.read(lambda tx: tx.checkpoints.of(review.execution_id))
    answers = [each for each in checkpoints if each.cause is Cause.ANSWER and each.path == "write"]
    assert [(each.name, each.review_id) for each in answers] == [
        ("write", review.id),
        ("write", again.id),
    ]


def test_the_timeline_says_which_outcome_was_chosen(a_flow: Make) -> None:
    world = a_flow("letter")
    review = halted(world)
    says(world, review, None, outcome="send")
    ((_, details),) = events(world, review.execution_id, "review.answer")
    assert details == {"outcome": "send", "feedback": "", "channel": "api"}


def test_the_timeline_says_who_voted_what(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    says(world, review, BEN, outcome="revise")
    says(world, review, ANN, outcome="go", human_feedback="fine")
    assert events(world, review.execution_id, "recipient.vote") == [
        ("recipient.vote", {"by": BEN, "outcome": "revise"}),
        ("recipient.vote", {"by": ANN, "feedback": "fine", "outcome": "go"}),
    ]
    assert events(world, review.execution_id, "recipient.ask_again") == [
        ("recipient.ask_again", {"to": ANN}),
        ("recipient.ask_again", {"to": BEN}),
    ]
    asked = recipients_of(world, review)
    lines = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    for event, order in (("recipient.vote", (BEN, ANN)), ("recipient.ask_again", (ANN, BEN))):
        told_of = [each for each in lines if each.event == event]
        assert [each.subject_id for each in told_of] == [asked[who].id for who in order]
        assert {(each.task_name, each.round) for each in told_of} == {("review", 1)}


def test_what_several_decided_is_one_decision_in_their_words(a_world: Make) -> None:
    world = a_world("research", "write?", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    says(world, review, ANN, is_approve=True)
    said = {"is_approve": False, "human_feedback": "newer figures", "rework_from": "research"}
    says(world, review, BEN, **said)
    closed = world.snapshot(review.execution_id).reviews[0]
    assert (closed.approved, closed.reviewer, closed.channel, closed.actor) == (
        False,
        BEN,
        "api",
        "tests",
    )
    ((_, details),) = events(world, review.execution_id, "review.answer")
    assert details["rework_from"] == "research"
    assert "newer figures" in str(details["feedback"])
    votes = [details for _, details in events(world, review.execution_id, "recipient.vote")]
    assert votes == [
        {"by": ANN, "approved": True},
        {"by": BEN, "approved": False, "feedback": "newer figures"},
    ]


def test_the_option_that_several_chose_is_chosen(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    says(world, review, ANN, outcome="go")
    says(world, review, BEN, outcome="go")
    assert world.snapshot(review.execution_id).reviews[0].outcome == "go"


def test_what_several_decide_on_is_never_weighed(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    with pytest.raises(Invalid) as refused:
        says(world, review, ANN, human_feedback="I suppose so")
    assert (refused.value.message, refused.value.details) == (
        "Several people decide here: name one of the options in 'outcome': go, revise.",
        {"outcome": "choose one of: go, revise"},
    )


def test_what_several_decide_on_is_changed_by_none_of_them(a_world: Make) -> None:
    world = a_world("write?", review_policy=policy(ANN, BEN, decisions=2))
    with pytest.raises(Invalid) as refused:
        says(world, halted(world), ANN, edited_output="mine")
    assert (refused.value.message, refused.value.details) == (
        (
            "Several people decide on this text, so nobody changes it alone: ask for changes with "
            "is_approve false."
        ),
        {"edited_output": "several people decide on this text"},
    )


def test_an_option_that_several_choose_changes_the_text_for_none_of_them(a_flow: Make) -> None:
    world = a_flow("loop", review_policy=policy(ANN, BEN, decisions=2))
    review = halted(world)
    with pytest.raises(Invalid) as refused:
        says(world, review, ANN, outcome="go", edited_output="mine")
    assert (refused.value.message, refused.value.details) == (
        "Several people decide on this text, so nobody changes it alone: choose an option.",
        {"edited_output": "several people decide on this text"},
    )
    assert recipients_of(world, review)[ANN].is_asked


def test_one_who_alone_decides_says_it_in_their_own_words(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(BEN, ANN))
    review = halted(world)
    says(world, review, ANN, is_approve=True, human_feedback="fine", feedback_scope=["print"])
    (closed,) = world.snapshot(review.execution_id).reviews
    assert (closed.words, closed.scope, closed.reviewer) == ("fine", ("print",), ANN)
    voted = [who for who, each in recipients_of(world, review).items() if each.words]
    assert voted == [ANN]


def test_one_who_alone_decides_is_weighed_and_may_change_the_text(a_flow: Make) -> None:
    world = a_flow("letter", review_policy=policy(ANN))
    review = halted(world)
    world.runner.says = "send"
    says(world, review, ANN, human_feedback="I suppose so", edited_output="mine")
    world.work()
    found = world.snapshot(review.execution_id)
    assert [each.output.raw for each in found.committed] == ["mine", "post 1"]
    assert found.execution.state is ExecutionState.SUCCEEDED


# Asked ------------------------------------------------------------------------------------------


def test_the_token_of_the_notice_answers_the_review(a_world: Make) -> None:
    world = a_world("write?")
    world.ports = replace(world.ports, public_url="https://crews.example")
    review = halted(world, humanInputWebhook={"url": HOOK, "strategy": "fire_and_forget"})
    (body,) = bodies(world, review.execution_id, "human_input")
    token = body["callback_url"].partition("?token=")[2]
    answered = respond_with(world.ports, token, RespondBody(is_approve=True), "callback")
    assert (answered.id, answered.approved) == (review.id, True)


def test_a_review_that_is_opened_is_told_and_expires_when_the_deployment_says(
    a_world: Make,
) -> None:
    world = a_world("write?", review_timeout=timedelta(days=3))
    review = halted(world, humanInputWebhook={"url": HOOK, "strategy": "fire_and_forget"})
    assert review.expires_at == review.created_at + timedelta(days=3)
    lines = world.ports.store.read(lambda tx: tx.timeline.of(review.execution_id))
    (line,) = (each for each in lines if each.event == "review.open")
    assert (line.subject_id, line.task_name, line.round) == (review.id, "write", 1)
    assert kinds_told(world, review.execution_id) == {"human_input"}
