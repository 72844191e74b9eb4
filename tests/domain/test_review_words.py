from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.feedback import (
    APPROVALS,
    RETRY,
    Feedback,
    Scope,
    option_meant,
    reads_as_approval,
    said_scope,
)
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.review import Review, ReviewState
from orchestrator.errors import IllegalTransition

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
OPEN = Review(
    "r-1", "k-1", "newsroom", "t-1", 0, "write", 1, ReviewState.PENDING, 1, "o-1", "sha256:0", AT
)
CHOICE = Question(
    QuestionKind.CHOICE, "choose", "choose", options=("go", "Stop!", "go on"), default="go on"
)
YES = Feedback(approved=True, words="good", actor="token:web", channel="api", reviewer="Alice")


@pytest.mark.parametrize(
    "words",
    ["ok", "OK", " approved ", "Approved!", "LGTM.", "yes!!", "Looks good to me.", "go ahead,"],
)
def test_these_words_approve(words: str) -> None:
    assert reads_as_approval(words)


@pytest.mark.parametrize(
    "words",
    ["", " ", "no", "not ok", "ok, but shorter", "approve?", "I cannot approve", "yes and no", "."],
)
def test_anything_else_asks_for_changes(words: str) -> None:
    assert not reads_as_approval(words)


@given(words=st.sampled_from(sorted(APPROVALS)), more=st.text("abc?", min_size=1))
def test_an_approval_with_more_words_is_not_guessed(words: str, more: str) -> None:
    assert not reads_as_approval(words + more)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("go", "go"),
        (" GO. ", "go"),
        ("stop", "Stop!"),
        ("Go on ,", "go on"),
        ("", "go on"),
        (" \n", "go on"),
        ("go, but not far", None),
        ("go?", None),
        (".", None),
    ],
)
def test_an_option_is_meant_by_its_own_words_alone(words: str, option: str | None) -> None:
    assert option_meant(words, CHOICE) == option


def test_empty_words_mean_nothing_where_no_option_is_the_default() -> None:
    assert option_meant("", replace(CHOICE, default=None)) is None


@pytest.mark.parametrize(
    ("scope", "said"), [(None, None), (RETRY, "retry"), (("write", "send"), ["write", "send"])]
)
def test_a_record_tells_whom_the_words_are_for(scope: Scope, said: object) -> None:
    assert said_scope(scope) == said


def test_an_answer_closes_the_review_with_who_said_what() -> None:
    answered = OPEN.answer(YES, AT)

    assert not answered.is_open
    assert answered.winner() == {
        "review_id": "r-1",
        "round": 1,
        "state": "ANSWERED",
        "approved": True,
        "feedback": "good",
        "by": "Alice",
        "via": "api",
        "at": "2026-11-22T12:00:00+00:00",
    }


def test_a_decision_is_told_in_a_sentence() -> None:
    assert OPEN.answer(YES, AT).summary() == (
        "Review answered by Alice via api at 2026-11-22T12:00:00+00:00"
    )
    assert OPEN.expire(AT).summary() == "Review expired by sweep at 2026-11-22T12:00:00+00:00"


@pytest.mark.parametrize(
    "closed", [OPEN.answer(YES, AT), OPEN.expire(AT), OPEN.withdraw(AT, "token:web")]
)
def test_a_closed_review_takes_no_other_decision(closed: Review) -> None:
    with pytest.raises(IllegalTransition):
        closed.answer(replace(YES, approved=False), AT)
