"""Every field that a transition writes, and none that it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.inbound_mail import MailState, StoredMail, WhyRefused
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.retry import LONGEST_PASSING_ON, delivery_due_again_at, pass_on_at
from orchestrator.domain.review import Review, ReviewState, judge
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.errors import IllegalTransition

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
USAGE = {"total_tokens": 3}
CLAIMED = TaskRun(
    *("t-1", "k-1", "newsroom", "write", "write", 1, TaskRunState.RUNNING, 1, AT, AT, AT, AT),
    publishes=3,
    claim_no=2,
    claimed_by="w-1",
    lease_until=LATER,
    attempts=2,
    started_at=AT,
    error="the attempt before",
)
ASKED = replace(CLAIMED, state=TaskRunState.UNDER_REVIEW, lease_until=None, error=None)
RUNNING = Execution(
    *("k-1", "newsroom", ExecutionState.RUNNING, 1, "api", "alice", "sha256:0", {}, {}),
    Subscriptions(),
    carry_webhooks=False,
    created_at=AT,
    started_at=AT,
)
CHOICE = Question(QuestionKind.CHOICE, "write", "write", options=("go", "revise"))
REVIEW = Review(
    *("r-1", "k-1", "newsroom", "t-1", "write", "write", 1, ReviewState.PENDING, 1, "o-1"),
    "sha256:1",
    AT,
    question=CHOICE,
    note="not understood",
)
SENT = Delivery(
    *("d-1", "k-1", "newsroom", "e-1", "task", 1, DeliveryState.PENDING, 1, b"{}", AT, AT, AT, AT),
    claimed_by="w-1",
    lease_until=LATER,
    publishes=2,
)
CAME = StoredMail("m-1", "<1@desk>", AT, b"raw", MailState.WAITING, AT, publishes=2)
OVER = {"lease_until": None, "finished_at": LATER}

WROTE: list[tuple[str, Any, Callable[[Any], Any], dict[str, Any]]] = [
    (
        "a mail whose review was found",
        CAME,
        lambda mail: mail.about("newsroom", "k-1", "r-1"),
        {"deployment": "newsroom", "execution_id": "k-1", "review_id": "r-1"},
    ),
    ("a mail that answered", CAME, lambda mail: mail.take(), {"state": MailState.TAKEN}),
    (
        "a mail that no person wrote",
        CAME,
        lambda mail: mail.ignore("it is a bounce"),
        {"state": MailState.IGNORED, "reason": "it is a bounce"},
    ),
    (
        "a mail that decides nothing",
        CAME,
        lambda mail: mail.refuse(WhyRefused.EMPTY, "it is empty", "alice@desk"),
        {
            "state": MailState.REFUSED,
            "reason": "it is empty",
            "why": WhyRefused.EMPTY,
            "told": "alice@desk",
        },
    ),
    (
        "a mail that could not be read",
        CAME,
        lambda mail: mail.give_up("no MIME"),
        {"state": MailState.UNREADABLE, "reason": "no MIME"},
    ),
    (
        "a claim that is given back",
        CLAIMED,
        lambda it: it.give_back(LATER),
        {
            "state": TaskRunState.DUE,
            "claimed_by": None,
            "lease_until": None,
            "due_at": LATER,
            "attempts": 1,
            "published_at": LATER,
            "wake_at": LATER + timedelta(minutes=1),
            "publishes": 1,
        },
    ),
    (
        "a halt",
        CLAIMED,
        lambda it: it.halt(LATER, USAGE, 0.5),
        {
            "state": TaskRunState.HALTED,
            "usage": USAGE,
            "execution_time": 0.5,
            "error": None,
            **OVER,
        },
    ),
    (
        "a claim",
        replace(CLAIMED.try_again(AT, "it broke"), current_step="write#1"),
        lambda it: it.claim("w-2", LATER, LATER),
        {
            "state": TaskRunState.RUNNING,
            "claim_no": 3,
            "attempts": 3,
            "claimed_by": "w-2",
            "lease_until": LATER,
            "current_step": None,
        },
    ),
    (
        "an attempt that failed",
        CLAIMED,
        lambda it: it.try_again(LATER, "it broke"),
        {
            "state": TaskRunState.DUE,
            "claimed_by": None,
            "lease_until": None,
            "due_at": LATER,
            "wake_at": LATER,
            "publishes": 0,
            "error": "it broke",
        },
    ),
    (
        "a run that is asked about",
        CLAIMED,
        lambda it: it.ask("o-1", USAGE, 0.5),
        {
            "state": TaskRunState.UNDER_REVIEW,
            "output_id": "o-1",
            "usage": USAGE,
            "execution_time": 0.5,
            "lease_until": None,
            "error": None,
        },
    ),
    (
        "a run whose tool a person has to approve",
        CLAIMED,
        lambda it: it.pause(USAGE, 0.5),
        {
            "state": TaskRunState.UNDER_REVIEW,
            "attempts": 1,
            "claimed_by": None,
            "usage": USAGE,
            "execution_time": 0.5,
            "lease_until": None,
            "error": None,
        },
    ),
    (
        "a run that had been paused",
        replace(CLAIMED, usage=USAGE, execution_time=0.5),
        lambda it: it.metered({**USAGE, "cached": 1}, 1.0),
        {
            "usage": {**{name: 2 * n for name, n in USAGE.items()}, "cached": 1},
            "execution_time": 1.5,
        },
    ),
    (
        "a committed run",
        CLAIMED,
        lambda it: it.commit(LATER, "o-1"),
        {"state": TaskRunState.COMMITTED, "output_id": "o-1", "error": None, **OVER},
    ),
    (
        "an execution that begins",
        replace(RUNNING, state=ExecutionState.QUEUED, started_at=None),
        lambda it: it.start(LATER),
        {"state": ExecutionState.RUNNING, "started_at": LATER},
    ),
    (
        "an answer to words that are weighed",
        replace(REVIEW, weighing=True),
        lambda it: it.answer(Feedback("fine", "alice", "api", "Alice", outcome="go"), LATER, "o-2"),
        {
            "state": ReviewState.ANSWERED,
            "closed_at": LATER,
            "outcome": "go",
            "words": "fine",
            "actor": "alice",
            "channel": "api",
            "reviewer": "Alice",
            "edited_output_id": "o-2",
            "weighing": False,
            "note": None,
        },
    ),
    (
        "a failed run",
        CLAIMED,
        lambda it: it.fail(LATER, "no"),
        {"state": TaskRunState.FAILED, "error": "no", **OVER},
    ),
    (
        "a withdrawn run",
        CLAIMED,
        lambda it: it.withdraw(LATER),
        {"state": TaskRunState.WITHDRAWN, **OVER},
    ),
    ("a committed step", CLAIMED, lambda it: it.advanced(), {"attempts": 1}),
    (
        "a step that cost tokens",
        replace(CLAIMED, usage=USAGE),
        lambda it: it.paid(USAGE),
        {"usage": {name: 2 * count for name, count in USAGE.items()}},
    ),
    (
        "a rejected run",
        ASKED,
        lambda it: it.reject(LATER),
        {"state": TaskRunState.REJECTED, "finished_at": LATER},
    ),
    (
        "a run that is asked about again",
        replace(ASKED, state=TaskRunState.WITHDRAWN, finished_at=LATER, error="stopped"),
        lambda it: it.ask_again(),
        {"state": TaskRunState.UNDER_REVIEW, "finished_at": None, "error": None},
    ),
    (
        "a failed execution",
        RUNNING,
        lambda it: it.fail(LATER, "no"),
        {"state": ExecutionState.FAILED, "finished_at": LATER, "error": "no"},
    ),
    (
        "a stopped execution",
        RUNNING,
        lambda it: it.stop(LATER),
        {"state": ExecutionState.STOPPED, "finished_at": LATER},
    ),
    (
        "words that are weighed",
        REVIEW,
        lambda it: it.weigh(Feedback("fine", "alice", "api", "Alice"), "o-2"),
        {
            "words": "fine",
            "actor": "alice",
            "channel": "api",
            "reviewer": "Alice",
            "edited_output_id": "o-2",
            "weighing": True,
            "note": None,
        },
    ),
    ("words that nobody understood", REVIEW, lambda it: it.undecided("why"), {"note": "why"}),
    (
        "a withdrawn review",
        REVIEW,
        lambda it: it.withdraw(LATER, "alice"),
        {"state": ReviewState.WITHDRAWN, "closed_at": LATER, "actor": "alice"},
    ),
    (
        "a delivery that arrived",
        SENT,
        lambda it: it.deliver(LATER),
        {
            "state": DeliveryState.DELIVERED,
            "attempts": 1,
            "finished_at": LATER,
            "claimed_by": None,
            "lease_until": None,
        },
    ),
    (
        "a delivery to a disabled endpoint",
        SENT,
        lambda it: it.drop(LATER, "disabled"),
        {
            "state": DeliveryState.CANCELLED,
            "finished_at": LATER,
            "reason": "disabled",
            "claimed_by": None,
            "lease_until": None,
        },
    ),
    (
        "a delivery that cannot be read here",
        SENT,
        lambda it: it.wait_for_key(LATER, "sealed"),
        {
            "due_at": LATER,
            "wake_at": LATER,
            "publishes": 0,
            "reason": "sealed",
            "claimed_by": None,
            "lease_until": None,
        },
    ),
    (
        "a replay",
        replace(SENT, state=DeliveryState.EXHAUSTED, attempts=9, finished_at=AT, reason="503"),
        lambda it: it.replay(LATER),
        {
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "due_at": LATER,
            "wake_at": LATER,
            "publishes": 0,
            "finished_at": None,
            "reason": None,
        },
    ),
]


@pytest.mark.parametrize(
    ("before", "transition", "wrote"), [each[1:] for each in WROTE], ids=[each[0] for each in WROTE]
)
def test_a_transition_writes_these_fields_and_no_other(
    before: Any, transition: Callable[[Any], Any], wrote: dict[str, Any]
) -> None:
    assert transition(before) == replace(before, **wrote)


@pytest.mark.parametrize("transition", ["exhaust", "block", "cancel"])
def test_a_delivery_that_ended_without_arriving_says_why(transition: str) -> None:
    ended = getattr(SENT, transition)(LATER, "why")

    assert (ended.attempts, ended.finished_at, ended.reason) == (1, LATER, "why")
    assert (ended.claimed_by, ended.lease_until) == (None, None)


def test_what_was_stopped_before_it_began_ended_no_earlier_than_it_was_made() -> None:
    queued = replace(RUNNING, state=ExecutionState.QUEUED, started_at=None)
    assert queued.stop(LATER).finished_at == LATER
    assert queued.stop(AT - timedelta(hours=1)).finished_at == AT


def test_an_execution_never_ends_before_it_began() -> None:
    assert RUNNING.fail(AT - timedelta(hours=1), "no").finished_at == AT


def test_a_mail_is_settled_once_and_stands_in_lists_where_it_came_in() -> None:
    assert CAME.created_at == AT
    for settle in (StoredMail.take, lambda mail: mail.give_up("no MIME")):
        with pytest.raises(IllegalTransition):
            settle(CAME.ignore("it is a bounce"))


def test_a_loser_is_told_the_option_that_won() -> None:
    chosen = REVIEW.answer(Feedback("", "alice", "api", outcome="go"), LATER)

    assert chosen.winner()["outcome"] == "go"
    assert chosen.summary() == f"Review answered by alice via api at {LATER.isoformat()}"
    assert REVIEW.withdraw(LATER, "bob").summary().startswith("Review withdrawn by bob at ")
    assert replace(REVIEW, actor="eve").summary() == "Review pending by eve"


def test_a_question_of_nothing_in_particular_names_nothing() -> None:
    assert (judge().path, judge().name) == ("", "")


def test_a_run_that_was_left_to_others_is_published_after_half_its_wait() -> None:
    longest = timedelta(seconds=5)
    assert pass_on_at(LATER, LATER, longest) == LATER + timedelta(seconds=0.5)
    assert pass_on_at(LATER, LATER - timedelta(seconds=4), longest) == LATER + timedelta(seconds=2)
    assert pass_on_at(LATER, AT, LONGEST_PASSING_ON) == LATER + longest


def test_the_last_attempt_of_a_schedule_is_the_last() -> None:
    delays = (timedelta(), timedelta(seconds=10))
    assert delivery_due_again_at(AT, 1, 0, delays) == AT + timedelta(seconds=10)
    assert delivery_due_again_at(AT, 1, 1, delays) == AT + timedelta(seconds=12)
    assert delivery_due_again_at(AT, 2, 0, delays) is None
