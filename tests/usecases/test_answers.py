"""What a person's answer means by the kind of question; what is none is told what would be one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain import feedback
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.question import Consent, Effect, Question, QuestionKind
from orchestrator.domain.review import Review, ReviewState
from orchestrator.errors import AlreadyAnswered, Invalid
from orchestrator.usecases.reviews.feedback import Answer, read_feedback
from orchestrator.wire.requests import ResumeBody, parse

JUDGE, CHOICE, WORDS = QuestionKind.JUDGE, QuestionKind.CHOICE, QuestionKind.WORDS
EFFECT, APPROVAL = QuestionKind.EFFECT, QuestionKind.APPROVAL
OPTIONS: dict[QuestionKind, tuple[str, ...]] = {
    CHOICE: ("send", "revise"),
    EFFECT: tuple(Effect),
    APPROVAL: tuple(Consent),
}
MOST_ROUNDS = 2


def asked(kind: QuestionKind, *, round_: int = 1, default: str | None = None) -> Review:
    question = Question(kind, "write", "write", "Well?", OPTIONS.get(kind, ()), default)
    return Review(
        id="r-1",
        execution_id="e-1",
        deployment="crew",
        task_run_id="t-1",
        path="write",
        task_name="write",
        round=round_,
        state=ReviewState.PENDING,
        version=1,
        output_id="o-1",
        output_digest="sha256:0",
        created_at=datetime(2026, 11, 28, tzinfo=UTC),
        question=question,
    )


def given(body: dict[str, Any], identity: str | None = None) -> Answer:
    said = {"execution_id": "e-1", "task_id": "write", **body}
    return Answer("crew", parse(ResumeBody, said), "a token", "api", identity=identity)


def read(review: Review, **body: Any) -> Feedback | None:
    return read_feedback(given(body), review, MOST_ROUNDS)


NO_OPTIONS = (
    "'outcome' answers a review that offers options; this one offers none.",
    {"outcome": "this review offers no options"},
)
CHOOSE = {"outcome": "choose one of: send, revise"}
EFFECTS = "done, run-again, give-up"
EFFECT_TAKES = "This review takes 'outcome', and the call's result in 'human_feedback'."


@pytest.mark.parametrize(
    ("kind", "body", "message", "details"),
    [
        (
            JUDGE,
            {},
            "Say 'is_approve', 'outcome', 'edited_output' or 'human_feedback'.",
            {"is_approve": "is required, or another that decides"},
        ),
        (
            JUDGE,
            {"human_feedback": " "},
            "Say 'is_approve' true or false, or give 'human_feedback'.",
            {"is_approve": "is required"},
        ),
        (JUDGE, {"outcome": "yes"}, *NO_OPTIONS),
        (
            JUDGE,
            {"is_approve": False, "edited_output": "mine"},
            "'edited_output' approves a text: send it with is_approve true.",
            {"edited_output": "only with is_approve true"},
        ),
        (
            JUDGE,
            {"is_approve": True, "rework_from": "research"},
            "'rework_from' sends the work back: send it with is_approve false.",
            {"rework_from": "only with is_approve false"},
        ),
        (
            WORDS,
            {"human_feedback": "hm", "rework_from": "research"},
            "'rework_from' goes with a rejection, and this review cannot be rejected.",
            {"rework_from": "there is nothing to reject"},
        ),
        (
            WORDS,
            {"is_approve": False},
            "This review takes words, which go on as they are; it cannot be rejected.",
            {"is_approve": "there is nothing to reject"},
        ),
        (WORDS, {"outcome": "yes"}, *NO_OPTIONS),
        (
            CHOICE,
            {"is_approve": True},
            "This review chooses an outcome: send 'outcome' with one of: send, revise.",
            {"is_approve": "choose one of: send, revise"},
        ),
        (CHOICE, {"outcome": "burn"}, "'outcome' must be one of: send, revise.", CHOOSE),
        (CHOICE, {"outcome": " "}, "'outcome' must be one of: send, revise.", CHOOSE),
        (
            CHOICE,
            {"human_feedback": " "},
            "Send 'outcome' with one of: send, revise; or say something in 'human_feedback'.",
            CHOOSE,
        ),
        (
            EFFECT,
            {"human_feedback": "done"},
            f"This review asks what became of a call: send 'outcome' with one of: {EFFECTS}.",
            {"outcome": f"choose one of: {EFFECTS}"},
        ),
        (
            EFFECT,
            {"outcome": "run-again", "is_approve": True},
            EFFECT_TAKES,
            {"is_approve": "is not asked"},
        ),
        (
            EFFECT,
            {"outcome": "run-again", "edited_output": "{}"},
            EFFECT_TAKES,
            {"edited_output": "is not asked"},
        ),
        (
            EFFECT,
            {"outcome": "done", "human_feedback": " "},
            "Say in 'human_feedback' what the call gave: the agent goes on with that text.",
            {"human_feedback": "is required with this outcome"},
        ),
        (
            APPROVAL,
            {"outcome": "perhaps"},
            "'outcome' must be one of: approve, reject.",
            {"outcome": "choose one of: approve, reject"},
        ),
        (
            APPROVAL,
            {"outcome": "reject", "is_approve": True},
            "'is_approve' and 'outcome' contradict each other: send one of approve, reject.",
            {"is_approve": "contradicts outcome"},
        ),
        (
            APPROVAL,
            {"human_feedback": "approve"},
            (
                "This review asks whether a tool may be called: say 'is_approve' true or false, or "
                "'outcome' with one of: approve, reject."
            ),
            {"is_approve": "is required, or outcome: approve, reject"},
        ),
        (
            APPROVAL,
            {"is_approve": False, "edited_output": "{}"},
            "'edited_output' are other arguments for the call: do not reject it then.",
            {"edited_output": "only with an approval"},
        ),
    ],
)
def test_what_is_no_answer_is_told_what_would_be_one(
    kind: QuestionKind, body: dict[str, Any], message: str, details: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        read(asked(kind), **body)
    assert (refused.value.message, refused.value.details) == (message, details)


@pytest.mark.parametrize(
    ("kind", "body", "approved", "outcome"),
    [
        (JUDGE, {"is_approve": True}, True, None),
        (JUDGE, {"is_approve": False, "human_feedback": "ok"}, False, None),
        (JUDGE, {"human_feedback": "OK."}, True, None),
        (JUDGE, {"human_feedback": "shorter"}, False, None),
        (JUDGE, {"edited_output": "mine"}, True, None),
        (JUDGE, {"edited_output": "mine", "human_feedback": "shorter"}, True, None),
        (JUDGE, {"is_approve": False, "rework_from": "research"}, False, None),
        (WORDS, {"human_feedback": "hm"}, None, None),
        (WORDS, {"is_approve": True}, None, None),
        (CHOICE, {"outcome": " Send. "}, None, "send"),
        (CHOICE, {"outcome": "send", "human_feedback": "revise"}, None, "send"),
        (CHOICE, {"human_feedback": "revise"}, None, "revise"),
        (EFFECT, {"outcome": "done", "human_feedback": "paid"}, None, Effect.DONE),
        (EFFECT, {"outcome": "run-again"}, None, Effect.AGAIN),
        (APPROVAL, {"outcome": "approve"}, True, Consent.APPROVE),
        (APPROVAL, {"outcome": "approve", "is_approve": True}, True, Consent.APPROVE),
        (APPROVAL, {"outcome": "reject"}, False, Consent.REJECT),
        (APPROVAL, {"is_approve": False}, False, Consent.REJECT),
        (APPROVAL, {"edited_output": "{}"}, True, Consent.APPROVE),
    ],
)
def test_what_decides_is_read_by_the_kind_of_question(
    kind: QuestionKind, body: dict[str, Any], approved: object, outcome: str | None
) -> None:
    decided = read(asked(kind), **body)
    assert decided is not None
    assert (decided.approved, decided.outcome) == (approved, outcome)


def test_empty_words_choose_what_the_question_has_for_them() -> None:
    decided = read(asked(CHOICE, default="send"), human_feedback="")
    assert decided is not None
    assert decided.outcome == "send"


def test_other_words_on_options_are_weighed_unless_some_are_being_weighed_already() -> None:
    review = asked(CHOICE)
    assert read(review, human_feedback="I suppose so") is None
    answer = given({"human_feedback": "I suppose so", "reviewer": "ann@example.com"})
    weighing = review.weigh(answer.feedback(), None)
    with pytest.raises(AlreadyAnswered) as refused:
        read(weighing, human_feedback="or not")
    assert refused.value.message == (
        "A model weighs an earlier answer just now; an explicit 'outcome' decides at once."
    )
    assert refused.value.winner == weighing.winner()
    assert read(weighing, outcome="send") is not None


def test_in_the_last_round_that_a_deployment_allows_nothing_is_rejected() -> None:
    assert read(asked(JUDGE, round_=1), is_approve=False) is not None
    last = asked(JUDGE, round_=MOST_ROUNDS)
    assert read(last, is_approve=True) is not None
    assert read_feedback(given({"is_approve": False}), last, None) is not None
    with pytest.raises(Invalid) as refused:
        read(last, is_approve=False)
    assert (refused.value.message, refused.value.details) == (
        (
            "The deployment allows 2 rounds, and this is number 2: approve, approve with "
            "'edited_output', or stop the execution."
        ),
        {"is_approve": "the round cap is reached"},
    )


def test_a_decision_has_the_words_and_whose_they_are() -> None:
    body = {
        "is_approve": False,
        "human_feedback": "shorter",
        "reviewer": "Ann <ann@example.com>",
        "rework_from": "research",
        "feedback_scope": ["edit", "print", "edit"],
    }
    said = Feedback(
        words="shorter",
        actor="a token",
        channel="api",
        reviewer="Ann <ann@example.com>",
        approved=False,
        rework_from="research",
        scope=("edit", "print"),
    )
    assert given(body).feedback(approved=False) == said
    assert given({"feedback_scope": "retry"}).feedback().scope == feedback.RETRY
    assert given({}).feedback().scope is None


def test_credentials_of_one_person_speak_for_that_person_alone() -> None:
    body = {"reviewer": "Ben@Example.com"}
    assert given(body).person == "ben@example.com"
    assert given({}).person is None
    own = given(body, identity="ann@example.com")
    assert (own.person, own.feedback().reviewer) == ("ann@example.com", "ann@example.com")
