"""What nouns say of themselves by their states."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.endpoint import SEALED, Endpoint
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.review import Review, ReviewState, judge
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.webhooks import Subscriptions

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
EXECUTION = Execution(
    *("k-1", "newsroom", ExecutionState.RUNNING, 1, "api", "alice", "sha256:0", {}, {}),
    Subscriptions(),
    carry_webhooks=False,
    created_at=AT,
)
RUN = TaskRun(
    *("t-1", "k-1", "newsroom", "flow", "flow", 1, TaskRunState.RUNNING, 1, AT, AT, AT, AT),
    current_step="draft#1",
)
REVIEW = Review(
    *("r-1", "k-1", "newsroom", "t-1", "write", "write", 1, ReviewState.PENDING, 1, "o-1"),
    "sha256:1",
    AT,
    question=judge("write", "write"),
)
ENDPOINT = Endpoint("e-1", "newsroom", "https://hooks.example/", None, AT)


def test_an_execution_is_open_until_it_ends() -> None:
    is_open = {state: replace(EXECUTION, state=state).is_open for state in ExecutionState}
    assert is_open == {
        ExecutionState.QUEUED: True,
        ExecutionState.RUNNING: True,
        ExecutionState.PENDING_HUMAN_INPUT: True,
        ExecutionState.SUCCEEDED: False,
        ExecutionState.FAILED: False,
        ExecutionState.STOPPED: False,
    }


def test_a_run_is_open_while_its_execution_waits_for_it() -> None:
    is_open = {state for state in TaskRunState if replace(RUN, state=state).is_open}
    assert is_open == {TaskRunState.DUE, TaskRunState.RUNNING, TaskRunState.UNDER_REVIEW}


def test_a_run_is_at_a_step_while_it_runs() -> None:
    at_step = {state: replace(RUN, state=state).at_step for state in TaskRunState}
    assert at_step == {**dict.fromkeys(TaskRunState), TaskRunState.RUNNING: "draft#1"}


@pytest.mark.parametrize(("path", "review"), [("weigh/r-1", "r-1"), ("weighing", None)])
def test_a_run_that_weighs_words_says_whose(path: str, review: str | None) -> None:
    assert replace(RUN, path=path).weighs == review


def test_a_review_is_open_while_a_decision_would_be_taken() -> None:
    is_open = {state for state in ReviewState if replace(REVIEW, state=state).is_open}
    assert is_open == {ReviewState.PENDING}


@pytest.mark.parametrize(
    ("state", "weighing", "is_unanswered"),
    [
        (ReviewState.PENDING, False, True),
        (ReviewState.PENDING, True, False),
        (ReviewState.ANSWERED, False, False),
    ],
)
def test_a_review_is_unanswered_while_nobody_has_said_anything(
    state: ReviewState,
    weighing: bool,  # noqa: FBT001 - a parameter of the test
    is_unanswered: bool,  # noqa: FBT001 - the same
) -> None:
    review = replace(REVIEW, state=state, weighing=weighing)
    assert review.is_unanswered is is_unanswered


def test_a_review_says_when_something_is_done_about_it() -> None:
    times = [AT + timedelta(hours=number) for number in range(4)]
    review = replace(
        REVIEW, remind_at=times[0], escalate_at=times[1], answer_at=times[2], sla_at=times[3]
    )
    assert list(review.deadlines) == times


@pytest.mark.parametrize(
    ("reason", "is_sealed", "trouble"),
    [
        (None, False, None),
        ("410", False, "410"),
        (None, True, SEALED),
        ("410", True, "410"),
    ],
)
def test_an_endpoint_says_why_nothing_is_sent_there(
    reason: str | None,
    is_sealed: bool,  # noqa: FBT001 - a parameter of the test
    trouble: str | None,
) -> None:
    assert replace(ENDPOINT, reason=reason, is_sealed=is_sealed).trouble == trouble
