from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.canonical import decode, encode
from orchestrator.domain.question import Question, QuestionKind

CHOICE = Question(
    QuestionKind.CHOICE,
    "team#1/choose",
    "choose",
    "Which way?",
    options=("go", "stop"),
    default="stop",
    metadata={"answer_schema": {"type": "object"}},
    state={"topic": "tides"},
)
WRITTEN: dict[str, Any] = {
    "kind": "choice",
    "path": "team#1/choose",
    "name": "choose",
    "message": "Which way?",
    "options": ["go", "stop"],
    "default": "stop",
    "metadata": {"answer_schema": {"type": "object"}},
    "state": {"topic": "tides"},
}
PLAIN = Question(QuestionKind.JUDGE, "write", "write")


def test_a_question_is_stored_with_all_that_it_says() -> None:
    assert CHOICE.to_json() == decode(encode(CHOICE.to_json())) == WRITTEN


@pytest.mark.parametrize("question", [CHOICE, PLAIN])
def test_a_question_is_the_same_after_it_was_stored(question: Question) -> None:
    assert Question.from_json(question.to_json()) == question


@pytest.mark.parametrize("more", [{}, {"colour": "red"}, {"metadata": None, "options": None}])
def test_a_question_of_another_version_is_read_as_far_as_it_is_known(more: dict[str, Any]) -> None:
    stored = {"kind": "judge", "path": "write", "name": "write", **more}
    assert Question.from_json(stored) == PLAIN


def test_what_became_of_a_call_and_whether_it_may_be_made_are_about_it() -> None:
    about_calls = [kind for kind in QuestionKind if kind.is_about_call]
    assert about_calls == [QuestionKind.EFFECT, QuestionKind.APPROVAL]
