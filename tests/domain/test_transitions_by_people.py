"""What people have done to reviews, runs, executions and endpoints, field by field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.calls import Approval as CallApproval
from orchestrator.domain.calls import CallKind, RecordedCall
from orchestrator.domain.chain import Head
from orchestrator.domain.deadlines import Deadlines
from orchestrator.domain.delivery import SendResult
from orchestrator.domain.endpoint import Endpoint, EndpointState, Health, signing_secret
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.renaming import Renames
from orchestrator.domain.review import Review, ReviewState, judge
from orchestrator.domain.review_terms import Terms
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.errors import IllegalTransition

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return AT + timedelta(minutes=minutes)


DUE = TaskRun(
    *("t-1", "k-1", "newsroom", "write", "write", 1, TaskRunState.DUE, 1, AT, AT, AT, AT),
    publishes=3,
)
RUNNING = replace(
    DUE, state=TaskRunState.RUNNING, claimed_by="w-1", lease_until=at(1), started_at=AT
)
EXECUTION = Execution(
    *("k-1", "newsroom", ExecutionState.RUNNING, 1, "api", "alice", "sha256:0", {}, {}),
    Subscriptions(),
    carry_webhooks=False,
    created_at=AT,
    started_at=AT,
)
ENDED = replace(EXECUTION, state=ExecutionState.FAILED, finished_at=at(1), error="no", result="o-9")
REVIEW = Review(
    *("r-1", "k-1", "newsroom", "t-1", "write", "write", 1, ReviewState.PENDING, 1, "o-1"),
    "sha256:1",
    AT,
    question=judge("write", "write"),
)
CLAIMED = replace(REVIEW, claimed_by="ann@x", claim_until=at(9), due_at=at(9))
TERMS = Terms(rule="write")
ENDPOINT = Endpoint(
    *("e-1", "newsroom", "https://hooks.example/a", None, AT),
    state=EndpointState.DISABLED,
    reason="410",
    disabled_at=AT,
    health=Health(3, at(1), AT, last_status=410, last_error="gone"),
)
SICK = Health(3, at(1), AT, at(-1), at(1), 410, "gone")
CALL = RecordedCall(1, "write", CallKind.TOOL, "pay", "d", ended=False, note="cut off")

WROTE: list[tuple[str, Any, Callable[[Any], Any], dict[str, Any]]] = [
    (
        "a run in doubt",
        DUE,
        lambda it: it.doubt(),
        {"state": TaskRunState.UNDER_REVIEW},
    ),
    (
        "a run whose call was settled",
        replace(DUE, state=TaskRunState.UNDER_REVIEW),
        lambda it: it.settle(at(1)),
        {
            "state": TaskRunState.DUE,
            "due_at": at(1),
            "published_at": at(1),
            "wake_at": at(2),
            "publishes": 1,
            "resumes": True,
        },
    ),
    (
        "a claim of what waited for its turn",
        replace(DUE, held=True),
        lambda it: it.claim("w-1", at(1), at(2)),
        {
            "state": TaskRunState.RUNNING,
            "claim_no": 1,
            "attempts": 1,
            "claimed_by": "w-1",
            "lease_until": at(2),
            "started_at": at(1),
            "held": False,
        },
    ),
    (
        "a superseded run",
        RUNNING,
        lambda it: it.supersede(at(2)),
        {"state": TaskRunState.SUPERSEDED, "finished_at": at(2), "lease_until": None},
    ),
    (
        "a run that had ended before it was superseded",
        replace(RUNNING, state=TaskRunState.COMMITTED, finished_at=at(1)),
        lambda it: it.supersede(at(2)),
        {"state": TaskRunState.SUPERSEDED, "lease_until": None},
    ),
    (
        "a run that was spared calls",
        replace(RUNNING, saved={"calls": 1}),
        lambda it: it.spared({"calls": 2, "tokens": 7}),
        {"saved": {"calls": 3, "tokens": 7}},
    ),
    (
        "a renamed run",
        replace(RUNNING, path="draft#1", task_name="draft", current_step="draft#1"),
        lambda it: it.rename(Renames({"draft": "write"}, is_flow=True)),
        {"path": "write#1", "task_name": "write", "current_step": "write#1"},
    ),
    (
        "a renamed run that weighs",
        replace(RUNNING, path="weigh/r-1", task_name="draft", current_step="draft"),
        lambda it: it.rename(Renames({"draft": "write", "weigh/r-1": "no"})),
        {},
    ),
    ("a halt", EXECUTION, lambda it: it.halt(), {"state": ExecutionState.PENDING_HUMAN_INPUT}),
    (
        "an execution that carries on",
        replace(EXECUTION, state=ExecutionState.PENDING_HUMAN_INPUT),
        lambda it: it.carry_on(),
        {"state": ExecutionState.RUNNING},
    ),
    (
        "a success",
        EXECUTION,
        lambda it: it.succeed(at(2), "o-1"),
        {"state": ExecutionState.SUCCEEDED, "finished_at": at(2), "result": "o-1"},
    ),
    (
        "a retry",
        ENDED,
        lambda it: it.retry(),
        {"state": ExecutionState.RUNNING, "finished_at": None, "error": None},
    ),
    (
        "a rewind",
        ENDED,
        lambda it: it.rewind(),
        {
            "state": ExecutionState.RUNNING,
            "finished_at": None,
            "error": None,
            "result": None,
        },
    ),
    ("a migration", EXECUTION, lambda it: it.migrate("sha256:2"), {"plan_digest": "sha256:2"}),
    (
        "a longer timeline",
        EXECUTION,
        lambda it: it.chained(Head(2, "d")),
        {"entries": 2, "last_digest": "d"},
    ),
    (
        "a review on terms",
        replace(REVIEW, expires_at=at(60)),
        lambda it: it.on_terms(TERMS, Deadlines(at(3), at(4), at(5), at(6))),
        {
            "terms": TERMS,
            "remind_at": at(3),
            "escalate_at": at(4),
            "answer_at": at(5),
            "sla_at": at(6),
            "due_at": at(3),
            "deadline_at": at(5),
        },
    ),
    (
        "a claimed review",
        replace(REVIEW, answer_at=at(20), sla_at=at(15)),
        lambda it: it.claim("ann@x", at(9)),
        {"claimed_by": "ann@x", "claim_until": at(9), "due_at": at(9), "deadline_at": at(15)},
    ),
    (
        "a released review",
        replace(CLAIMED, expires_at=at(30)),
        lambda it: it.release(),
        {"claimed_by": None, "claim_until": None, "due_at": None, "deadline_at": at(30)},
    ),
    (
        "a reminded review",
        replace(REVIEW, remind_at=at(1), escalate_at=at(4)),
        lambda it: it.remind(at(2)),
        {"remind_at": at(2), "due_at": at(2)},
    ),
    (
        "a review that is to be reminded earlier",
        replace(REVIEW, remind_at=at(5)),
        lambda it: it.remind_by(at(2)),
        {"remind_at": at(2), "due_at": at(2)},
    ),
    (
        "a review that was to be reminded of anyhow",
        replace(REVIEW, remind_at=at(1)),
        lambda it: it.remind_by(at(2)),
        {"due_at": at(1)},
    ),
    (
        "a review of which nobody was reminded",
        REVIEW,
        lambda it: it.remind_by(at(2)),
        {"remind_at": at(2), "due_at": at(2)},
    ),
    (
        "an escalated review",
        replace(REVIEW, rung=1, escalate_at=at(1)),
        lambda it: it.escalate(at(4)),
        {"rung": 2, "escalate_at": at(4), "due_at": at(4)},
    ),
    (
        "a rerouted review",
        replace(CLAIMED, remind_at=at(1)),
        lambda it: it.reroute(TERMS, Deadlines(at(3))),
        {
            "claimed_by": None,
            "claim_until": None,
            "terms": TERMS,
            "remind_at": at(3),
            "due_at": at(3),
        },
    ),
    (
        "an automatic answer that does not fit",
        replace(REVIEW, weighing=True, answer_at=at(1), remind_at=at(7)),
        lambda it: it.unanswerable("no such option"),
        {"weighing": False, "note": "no such option", "answer_at": None, "due_at": at(7)},
    ),
    (
        "words that were weighed in vain",
        replace(REVIEW, weighing=True),
        lambda it: it.undecided("why"),
        {"weighing": False, "note": "why"},
    ),
    (
        "words that are weighed after others were read",
        replace(REVIEW, words="before", read_by="t-0"),
        lambda it: it.weigh(Feedback("fine", "alice", "api")),
        {
            "words": "fine",
            "actor": "alice",
            "channel": "api",
            "weighing": True,
            "read_by": None,
        },
    ),
    (
        "an answer with the words that were read while a model weighed them",
        replace(REVIEW, weighing=True, words="fine", read_by="t-2"),
        lambda it: it.answer(Feedback("fine", "alice", "api", scope=("publish",)), at(2)),
        {
            "state": ReviewState.ANSWERED,
            "closed_at": at(2),
            "actor": "alice",
            "channel": "api",
            "weighing": False,
            "scope": ("publish",),
        },
    ),
    (
        "an answer with other words than were read",
        replace(REVIEW, words="fine", read_by="t-2"),
        lambda it: it.answer(Feedback("not fine", "alice", "api"), at(2)),
        {
            "state": ReviewState.ANSWERED,
            "closed_at": at(2),
            "words": "not fine",
            "actor": "alice",
            "channel": "api",
            "read_by": None,
        },
    ),
    ("words that were read", REVIEW, lambda it: it.read("t-2"), {"read_by": "t-2"}),
    (
        "words that were taken back",
        replace(REVIEW, words="hers and his"),
        lambda it: it.take_back(at(2), "ann@x", "his"),
        {"words": "his", "taken_back_at": at(2), "taken_back_by": "ann@x"},
    ),
    (
        "an endpoint that works again",
        ENDPOINT,
        lambda it: it.enable(),
        {
            "state": EndpointState.ENABLED,
            "reason": None,
            "disabled_at": None,
            "health": Health(last_status=410, last_error="gone"),
        },
    ),
    (
        "a longer chain",
        ENDPOINT,
        lambda it: it.chained(Head(2, "d")),
        {"entries": 2, "last_digest": "d"},
    ),
    (
        "a pause that is over",
        Health(1, at(1), AT),
        lambda it: it.resume(at(1)),
        {"quiet_until": None},
    ),
    (
        "a receiver that took something",
        SICK,
        lambda it: it.succeeded(at(3), SendResult(204, 0.1)),
        {
            "slowness": 1,
            "quiet_until": None,
            "failing_since": None,
            "last_success_at": at(3),
            "last_status": 204,
            "last_error": None,
        },
    ),
    (
        "a receiver that did not",
        SICK,
        lambda it: it.failed(at(3), SendResult(503, 0.1)),
        {
            "last_failure_at": at(3),
            "last_status": 503,
            "last_error": "The receiver answered 503",
        },
    ),
    (
        "a receiver that did not for the first time",
        Health(),
        lambda it: it.failed(at(3), SendResult(None, 0.1, "no route")),
        {"failing_since": at(3), "last_failure_at": at(3), "last_error": "no route"},
    ),
    ("a pause that lasts", Health(1, at(2), AT), lambda it: it.resume(at(1)), {}),
    (
        "a call that was answered by hand",
        replace(CALL, approval=CallApproval.ASKED),
        lambda it: it.answered_by_hand(),
        {"ended": True, "note": None, "approval": None},
    ),
    (
        "a call that was approved",
        replace(CALL, ended=True, approval=CallApproval.ASKED),
        lambda it: it.approved({"amount": 3}),
        {
            "ended": False,
            "note": None,
            "approval": CallApproval.GIVEN,
            "arguments": {"amount": 3},
        },
    ),
]


@pytest.mark.parametrize(
    ("before", "transition", "wrote"), [each[1:] for each in WROTE], ids=[each[0] for each in WROTE]
)
def test_it_writes_these_fields_and_no_other(
    before: Any, transition: Callable[[Any], Any], wrote: dict[str, Any]
) -> None:
    assert transition(before) == replace(before, **wrote)


@pytest.mark.parametrize(
    "transition",
    [
        lambda it: it.weigh(Feedback("fine", "alice", "api")),
        lambda it: it.undecided("why"),
        lambda it: it.claim("ann@x", at(9)),
        lambda it: it.release(),
        lambda it: it.remind(None),
        lambda it: it.escalate(None),
        lambda it: it.reroute(None, Deadlines()),
        lambda it: it.unanswerable("why"),
    ],
)
def test_nothing_happens_to_a_review_that_is_closed(transition: Callable[[Review], Any]) -> None:
    with pytest.raises(IllegalTransition):
        transition(replace(REVIEW, state=ReviewState.ANSWERED))


@pytest.mark.parametrize(
    ("until", "holder"), [(at(1), "ann@x"), (AT, None), (None, None)], ids=["held", "over", "none"]
)
def test_a_claim_holds_until_its_time(until: datetime | None, holder: str | None) -> None:
    assert replace(CLAIMED, claim_until=until).holder(AT) == holder


@pytest.mark.parametrize(
    ("earlier", "came"),
    [
        ({}, True),
        ({"path": "write#2"}, True),
        ({"path": "other"}, False),
        ({"round": 2}, False),
        ({"round": 3}, False),
        ({"state": ReviewState.EXPIRED}, False),
    ],
)
def test_an_earlier_round_is_an_answered_one_of_the_same_step(
    earlier: dict[str, Any],
    came: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    before = replace(REVIEW, **{"state": ReviewState.ANSWERED, "path": "write#1", **earlier})
    assert before.came_before(replace(REVIEW, path="write#3", round=2)) is came


@pytest.mark.parametrize(
    ("random", "secret"),
    [("ab-_", "whsec_ab+/"), ("ab-", "whsec_ab+="), ("a_", "whsec_a/==")],
)
def test_a_signing_secret_is_plain_base64_with_its_padding(random: str, secret: str) -> None:
    assert signing_secret(random) == secret
