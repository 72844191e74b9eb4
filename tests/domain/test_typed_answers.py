"""What data an answer has to be, and when it is a text after all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.domain.canonical import Json
from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.question import ANSWER_SCHEMA, Question, QuestionKind
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.typed_answer import answer_schema

KNOTS: Json = {"type": "object", "required": ["knots"]}
OTHER: Json = {"type": "string"}


def schema(kind: QuestionKind, *, of_question: Json = None, of_output: Json = None) -> Json:
    question = Question(kind, "write", "write", metadata={ANSWER_SCHEMA: of_question})
    review = Review(
        *("r-1", "k-1", "newsroom", "t-1", "write", "write", 1, ReviewState.PENDING, 1, "o-1"),
        "sha256:1",
        datetime(2026, 11, 22, tzinfo=UTC),
        question=question,
    )
    return answer_schema(review, Output("draft", extra={EDITS_FIT: of_output}))


def test_input_fits_what_the_code_asks_for_and_an_edit_what_it_edits() -> None:
    assert schema(QuestionKind.INPUT, of_question=KNOTS, of_output=OTHER) == KNOTS
    for kind in (QuestionKind.JUDGE, QuestionKind.CHOICE, QuestionKind.WORDS):
        assert schema(kind, of_question=KNOTS, of_output=OTHER) == OTHER


@pytest.mark.parametrize("stored", [None, {}, {"not": {}}, "a text", ["object"]])
def test_what_says_nothing_or_takes_nothing_makes_no_answer_typed(stored: Json) -> None:
    assert schema(QuestionKind.INPUT, of_question=stored) is None
    assert schema(QuestionKind.JUDGE, of_output=stored) is None
