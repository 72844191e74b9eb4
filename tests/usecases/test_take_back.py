"""Words that are taken back before a task reads them never reach a model; the decision stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from policies import ANN, BEN, CAT, events, open_review, policy, recipients_of, says
from world import WorkerDied, World

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.record import Counts, check
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import AlreadyRead, Invalid, NotEntitled, UnknownReview
from orchestrator.ports import Halted
from orchestrator.usecases.executions.claims import give_back_claims
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.operations.purge import purge
from orchestrator.usecases.operations.record import read_record
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.usecases.reviews.find import who_is_asked
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.respond import ACTOR, Holder, take_back_as
from orchestrator.usecases.reviews.take_back_words import (
    TakeBack,
    may_take_back,
    take_back_words,
)
from orchestrator.wire.requests import ForkBody, ResumeBody, parse

Make = Callable[..., World]


def last_review(world: World, execution_id: str, task: str = "write") -> Review:
    found = [each for each in world.snapshot(execution_id).reviews if each.task_name == task]
    return found[-1]


def take_back(world: World, review: Review, identity: str | None = None, **more: Any) -> Review:
    return take_back_words(
        world.ports, TakeBack(Act(review.id, EVERYWHERE, "tests"), identity, **more)
    )


def say(
    world: World, execution_id: str, words: str, *, approve: bool = True, **more: Any
) -> Review:
    told = world.say(execution_id, "write", is_approve=approve, human_feedback=words, **more)
    assert told["status"] in ("resumed", "retrying", "completed", "pending")
    return world.ports.store.read(lambda tx: tx.reviews.get([told["review_id"]]))[
        str(told["review_id"])
    ]


def told(world: World) -> str:
    """All that people's words ever added to a context."""
    return "|".join(each for work in world.runner.chains for each in work.added_context())


def test_what_was_taken_back_reaches_no_task_and_the_decision_stays(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "print", "send")
    execution_id = world.halted()
    review = say(world, execution_id, "The secret is 42")

    taken = take_back(world, review, person=None)

    assert (taken.words, taken.approved, taken.taken_back_by) == (None, True, "tests")
    assert taken.taken_back_at is not None
    world.work()
    assert "42" not in told(world)
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


def test_a_retry_without_its_words_still_knows_that_changes_were_wanted(a_world: Make) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    take_back(world, say(world, execution_id, "Shorter", approve=False))
    world.work()
    assert "Shorter" not in told(world)
    assert told(world) == (
        "Your previous answer (round 1):\nwrite, round 1\n\n"
        "Changes of it were requested.\n\nAnswer again."
    )


def test_what_a_task_has_read_stays_and_the_task_is_named(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Shorter", approve=False)
    world.work()

    with pytest.raises(AlreadyRead) as late:
        take_back(world, review)

    run = world.snapshot(execution_id).runs[-1]
    assert late.value.reader == {"task_run_id": run.id, "task_name": "write", "round": 2}
    assert "'write', round 2, has read" in late.value.message
    assert last_review(world, execution_id).words is None
    assert world.snapshot(execution_id).reviews[0].words == "Shorter"


def test_a_run_that_was_begun_has_read_them_whatever_becomes_of_it(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Mind the gap")
    world.runner.behaviour = WorkerDied()
    with pytest.raises(WorkerDied):
        world.work()
    assert give_back_claims(world.ports, "w-1") == 1
    assert world.snapshot(execution_id).runs[-1].state is TaskRunState.DUE
    with pytest.raises(AlreadyRead):
        take_back(world, review)


def test_a_task_that_does_not_read_them_does_not_hold_them(a_world: Make) -> None:
    world = a_world("write?", "print", "send")
    execution_id = world.halted()
    review = say(world, execution_id, "For the post", feedback_scope=["send"])
    world.run(world.jobs.pop(0))
    assert world.runner.chains[-1].path == "print"
    take_back(world, review)
    world.work()
    assert "For the post" not in told(world)


def test_words_that_sent_the_work_back_go_in_both_places(a_world: Make) -> None:
    world = a_world("research", "write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Newer", approve=False, rework_from="research")
    take_back(world, review)
    world.work()
    assert "Newer" not in told(world)
    assert [each.words for each in world.snapshot(execution_id).reviews] == [None] * 3


def test_whichever_of_both_is_named_the_votes_lose_their_words_too(a_world: Make) -> None:
    world = a_world("research", "write?", review_policy=policy(ANN, BEN))
    execution_id = world.halted()
    review = say(world, execution_id, "Newer", approve=False, rework_from="research", reviewer=ANN)
    assert take_back(world, last_review(world, execution_id, "research")).words is None
    assert [each.words for each in recipients_of(world, review).values()] == [None, None]
    assert last_review(world, execution_id).words is None


def test_whichever_of_both_is_named_the_words_of_the_others_stay(a_world: Make) -> None:
    rules = policy(ANN, BEN, decisions=2)
    world = a_world("research", "write?", review_policy=rules)
    execution_id = world.halted()
    say(world, execution_id, "Good", reviewer=ANN)
    say(world, execution_id, "Newer", approve=False, rework_from="research", reviewer=BEN)
    assert take_back(world, last_review(world, execution_id, "research"), BEN).words == "Good"
    assert last_review(world, execution_id).words == "Good"
    assert take_back(world, last_review(world, execution_id), BEN).words == "Good"
    assert take_back(world, last_review(world, execution_id), ANN).words is None


def test_words_that_the_reworked_task_has_read_stay(a_world: Make) -> None:
    world = a_world("research", "write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Newer", approve=False, rework_from="research")
    world.run(world.jobs.pop(0))
    with pytest.raises(AlreadyRead, match="'research', round 2"):
        take_back(world, review)


def test_doing_it_twice_changes_nothing(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Shorter")
    first = take_back(world, review)
    world.work()
    assert take_back(world, review) == first
    _, entries = timeline(world.ports, execution_id)
    assert sum(each.event == "review.take_back" for each in entries) == 1


def test_the_timeline_says_who_took_them_back_and_the_chain_is_whole(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    take_back(world, say(world, execution_id, "The secret is 42"), person=None)
    _, entries = timeline(world.ports, execution_id)
    (entry,) = (each for each in entries if each.event == "review.take_back")
    assert (entry.actor, entry.details) == ("tests", {"by": "tests"})
    assert list(check(read_record(world.ports.store), Counts())) == []


def test_nobody_takes_back_what_somebody_else_said(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN))
    execution_id = world.halted()
    review = say(world, execution_id, "Shorter", reviewer=ANN)
    with pytest.raises(NotEntitled, match=f"{BEN} said nothing"):
        take_back(world, review, BEN)
    assert take_back(world, review, ANN).taken_back_by == ANN
    recipients = world.ports.store.read(lambda tx: tx.recipients.of([review.id]))
    assert [each.words for each in recipients] == [None, None]


def test_of_several_each_takes_back_their_own(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN, CAT, decisions=2))
    execution_id = world.halted()
    say(world, execution_id, "Ann's words", reviewer=ANN)
    review = say(world, execution_id, "Ben's words", reviewer=BEN)

    assert take_back(world, review, ANN).words == "Ben's words"
    assert take_back(world, review, ANN).words == "Ben's words"
    assert len(events(world, execution_id, "review.take_back")) == 1
    world.work()
    assert "Ann's" not in told(world)
    assert "Ben's words" in told(world)


def test_where_nobody_is_asked_by_name_whoever_said_it_takes_it_back(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Shorter", reviewer="Ann@Example.com")
    with pytest.raises(NotEntitled) as refused:
        take_back(world, review, BEN)
    assert refused.value.message == (
        f"{BEN} said nothing in this review: people take back what they said"
    )
    assert take_back(world, review, ANN).words is None


def test_an_operator_says_whose_words_go(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN, decisions=2))
    execution_id = world.halted()
    for who in (ANN, BEN):
        review = say(world, execution_id, f"Of {who}", reviewer=who)
    taken = take_back(world, review, person=ANN)
    assert (taken.words, taken.taken_back_by) == (f"Of {BEN}", ANN)
    taken = take_back(world, review)
    assert (taken.words, taken.taken_back_by) == (None, "tests")


def test_the_words_that_are_left_stand_in_the_order_in_which_they_were_said(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN, CAT, decisions=3))
    execution_id = world.halted()
    for who in (CAT, BEN, ANN):
        review = say(world, execution_id, f"Of {who}", reviewer=who)
    left = f"{CAT}: Of {CAT}\n\n{ANN}: Of {ANN}"
    assert take_back(world, review, BEN).words == left


UNKNOWN = "Nobody knows whether a task has read these words: they are older"


def test_words_of_which_nobody_kept_who_has_read_them_stay(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Shorter")
    world.ports.store.transact(lambda tx: tx.reviews.save(review, review.read(review.id)))
    with pytest.raises(AlreadyRead) as late:
        take_back(world, review)
    assert (late.value.message, late.value.reader) == (
        f"{UNKNOWN}. To have it run without them, rewind the execution.",
        {},
    )


def test_what_is_asked_for_itself_is_not_taken_back(a_flow: Make) -> None:
    world = a_flow("judged")
    question = Question(QuestionKind.INPUT, "write#1/ask:1", "write", "Which colour?")

    def ask(_deployment: Any, _work: Any, context: Any) -> Halted:
        context.ask(question, Output(""))
        return Halted({})

    world.runner.run = ask
    review = open_review(world, world.halted())
    says(world, review, None, human_feedback="blue")
    assert may(world, review, None) == [False]
    with pytest.raises(Invalid) as refused:
        take_back(world, review)
    assert refused.value.message == (
        "Here the words are the answer itself, and it has gone to what asked. Rewind the "
        "execution to before it, and answer anew."
    )


def test_words_that_are_purged_cannot_be_taken_back(a_world: Make) -> None:
    world = a_world("write?")
    review = say(world, world.halted(), "Good")
    world.ports = replace(world.ports, keep_finished=timedelta(0))
    while purge(world.ports):
        pass
    with pytest.raises(Invalid) as refused:
        take_back(world, review)
    assert refused.value.message == "Nothing was said in the review of 'write' that could go."
    assert may(world, review, None) == [False]


def test_who_could_take_words_back_now_is_known(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN, CAT, decisions=2))
    execution_id = world.halted()
    for who in (ANN, BEN):
        review = say(world, execution_id, f"Of {who}", reviewer=who)
    assert may(world, review, ANN, BEN, CAT, None) == [True, True, False, True]
    take_back(world, review, ANN)
    assert may(world, review, ANN, BEN, None) == [False, True, True]
    world.work()
    assert may(world, review, ANN, BEN, None) == [False] * 3


def test_where_nobody_is_asked_by_name_whoever_said_it_could_take_it_back(a_world: Make) -> None:
    world = a_world("write?", "print")
    review = say(world, world.halted(), "Shorter", reviewer="Ann@Example.com")
    assert may(world, review, ANN, BEN, None) == [True, False, True]
    world = a_world("write?", "print")
    assert may(world, say(world, world.halted(), " "), None) == [False]
    world = a_world("write?", "print")
    assert may(world, last_review(world, world.halted()), None) == [False]


def may(world: World, review: Review, *people: str | None) -> list[bool]:
    """Which of these could take back what was said in a review, as it is now."""
    now = world.ports.store.read(lambda tx: tx.reviews.get([review.id]))[review.id]
    asked = who_is_asked(world.ports, now)
    return [may_take_back(now, asked, each) for each in people]


def test_there_has_to_be_something_to_take_back(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    with pytest.raises(Invalid, match="Nothing was said"):
        take_back(world, last_review(world, execution_id))
    with pytest.raises(Invalid, match="Nothing was said"):
        take_back(world, say(world, execution_id, " "))
    with pytest.raises(UnknownReview):
        take_back_words(world.ports, TakeBack(Act("no", EVERYWHERE, "tests")))


def test_a_fork_has_the_words_and_says_so(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "print")
    execution_id = world.halted()
    review = say(world, execution_id, "Shorter", approve=False)
    asked = Fork(execution_id, parse(ForkBody, {"checkpoint": 2}), "tests", "api")
    second = str(fork(world.ports, asked)["execution_id"])
    with pytest.raises(AlreadyRead, match="was forked with these words") as late:
        take_back(world, review)
    assert late.value.reader == {"execution_id": second}
    (copy,) = world.snapshot(second).reviews
    assert take_back(world, copy).words is None


def test_a_fork_of_what_was_taken_back_has_no_words(a_world: Make) -> None:
    world = a_world("write?", "print")
    execution_id = world.halted()
    take_back(world, say(world, execution_id, "Shorter", approve=False))
    asked = Fork(execution_id, parse(ForkBody, {"checkpoint": 2}), "tests", "api")
    fork(world.ports, asked)
    world.work()
    assert "Shorter" not in told(world)


def test_a_flow_that_went_on_has_read_all(a_flow: Make) -> None:
    world = a_flow("loop")
    execution_id = world.halted()
    world.say(execution_id, "review", outcome="revise", human_feedback="again")
    first = last_review(world, execution_id, "review")
    assert take_back(world, first).outcome == "revise"
    world.work()
    world.say(execution_id, "review", outcome="go", human_feedback="out with it")
    second = last_review(world, execution_id, "review")
    world.work()
    with pytest.raises(AlreadyRead):
        take_back(world, second)
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


def test_the_token_of_a_notice_takes_back_what_was_said_with_it_last(a_world: Make) -> None:
    world = a_world("write?", "print", review_policy=policy(ANN, BEN, decisions=2))
    execution_id = world.halted()
    for who in (ANN, BEN):
        said = {"execution_id": execution_id, "task_id": "write", "reviewer": who}
        body = parse(ResumeBody, {**said, "is_approve": True, "human_feedback": f"Of {who}"})
        answer(world.ports, Answer("crew", body, ACTOR, "callback"))
    review = last_review(world, execution_id)
    assert take_back_as(world.ports, Holder(review)).words == f"Of {ANN}"


def test_words_that_a_model_weighed_were_read_by_one(a_flow: Make) -> None:
    world = a_flow("letter")
    execution_id = world.halted()
    world.runner.says = "send"
    world.say(execution_id, "write", human_feedback="off you go")
    with pytest.raises(Invalid):
        take_back(world, last_review(world, execution_id))
    world.run(world.jobs.pop(0))
    with pytest.raises(AlreadyRead, match="A model has weighed these words already"):
        take_back(world, last_review(world, execution_id))


def test_other_words_than_those_that_were_weighed_can_be_taken_back(a_flow: Make) -> None:
    world = a_flow("letter")
    execution_id = world.halted()
    world.runner.says = "none of them"
    world.say(execution_id, "write", human_feedback="hm")
    world.run(world.jobs.pop(0))
    world.say(execution_id, "write", outcome="send", human_feedback="yes, do")
    assert take_back(world, last_review(world, execution_id)).words is None
