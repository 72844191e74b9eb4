"""What a person's answer means: the verdict, the option or the words, by the kind of question."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain import feedback
from orchestrator.domain.feedback import Feedback, Scope, option_meant, reads_as_approval
from orchestrator.domain.person import address_of
from orchestrator.domain.question import Consent, Effect, QuestionKind
from orchestrator.domain.review import Review
from orchestrator.errors import AlreadyAnswered, Invalid
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.wire.requests import RETRY, ResumeBody


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says of a review: ``actor`` is whose credentials it came with.

    ``identity`` is the address of the person whose these are, where they are one person's alone.
    """

    deployment: str
    body: ResumeBody
    actor: str
    channel: str
    key: IdempotencyKey | None = None
    identity: str | None = None

    @property
    def person(self) -> str | None:
        """The address of whoever answers, None where it is not known.

        Credentials that are nobody's own may speak for anybody; whoever has them is trusted with
        the whole deployment.
        """
        return self.identity or address_of(self.body.reviewer or "")

    def feedback(self, *, approved: bool | None = None, outcome: str | None = None) -> Feedback:
        """The person's words, with the decision that they stand for."""
        return Feedback(
            words=self.body.human_feedback,
            actor=self.actor,
            channel=self.channel,
            reviewer=self.identity or self.body.reviewer,
            approved=approved,
            outcome=outcome,
            rework_from=self.body.rework_from,
            scope=_scope(self.body.feedback_scope),
        )


def _scope(given: str | list[str] | None) -> Scope:
    if isinstance(given, list):
        return tuple(dict.fromkeys(given))
    return feedback.RETRY if given == RETRY else None


def read_feedback(given: Answer, review: Review, most_rounds: int | None) -> Feedback | None:
    """What a person decided; None where a model has to weigh the words first.

    Raises Invalid for what does not answer this kind of question.
    """
    if given.body.says_nothing:
        message = "Say 'is_approve', 'outcome', 'edited_output' or 'human_feedback'."
        raise Invalid(message, {"is_approve": "is required, or another that decides"})
    if review.kind is QuestionKind.JUDGE:
        return _verdict(given, review, most_rounds)
    if given.body.rework_from is not None:
        message = "'rework_from' goes with a rejection, and this review cannot be rejected."
        raise Invalid(message, {"rework_from": "there is nothing to reject"})
    if review.kind is QuestionKind.CHOICE:
        return _choice(given, review)
    if review.kind is QuestionKind.EFFECT:
        return _effect(given, review)
    if review.kind is QuestionKind.APPROVAL:
        return _approval(given, review)
    if given.body.is_approve is False:
        message = "This review takes words, which go on as they are; it cannot be rejected."
        raise Invalid(message, {"is_approve": "there is nothing to reject"})
    _require_no_outcome(given.body)
    return given.feedback()


def _verdict(given: Answer, review: Review, most_rounds: int | None) -> Feedback:
    """Unless it is said, only an own text or clear words approve."""
    body = given.body
    _require_no_outcome(body)
    if body.is_approve is None and body.edited_output is None and not body.human_feedback.strip():
        message = "Say 'is_approve' true or false, or give 'human_feedback'."
        raise Invalid(message, {"is_approve": "is required"})
    unsaid = body.edited_output is not None or reads_as_approval(body.human_feedback)
    approved = unsaid if body.is_approve is None else body.is_approve
    if body.edited_output is not None and not approved:
        message = "'edited_output' approves a text: send it with is_approve true."
        raise Invalid(message, {"edited_output": "only with is_approve true"})
    if body.rework_from is not None and approved:
        message = "'rework_from' sends the work back: send it with is_approve false."
        raise Invalid(message, {"rework_from": "only with is_approve false"})
    if not approved and most_rounds is not None and review.round >= most_rounds:
        message = (
            f"The deployment allows {most_rounds} rounds, and this is number {review.round}: "
            "approve, approve with 'edited_output', or stop the execution."
        )
        raise Invalid(message, {"is_approve": "the round cap is reached"})
    return given.feedback(approved=approved)


def _effect(given: Answer, review: Review) -> Feedback:
    """What became of a tool's call; no words are taken for more than its result."""
    body, options = given.body, ", ".join(review.question.options)
    meant = option_meant(body.outcome or "", review.question)
    if meant is None:
        message = f"This review asks what became of a call: send 'outcome' with one of: {options}."
        raise Invalid(message, {"outcome": f"choose one of: {options}"})
    if body.is_approve is not None or body.edited_output is not None:
        message = "This review takes 'outcome', and the call's result in 'human_feedback'."
        field = "edited_output" if body.is_approve is None else "is_approve"
        raise Invalid(message, {field: "is not asked"})
    if meant == Effect.DONE and not body.human_feedback.strip():
        message = "Say in 'human_feedback' what the call gave: the agent goes on with that text."
        raise Invalid(message, {"human_feedback": "is required with this outcome"})
    return given.feedback(outcome=meant)


def _approval(given: Answer, review: Review) -> Feedback:
    """Whether a tool may be called; neither words nor a guess ever allow it."""
    body, options = given.body, ", ".join(review.question.options)
    meant = option_meant(body.outcome or "", review.question)
    if body.outcome is not None and meant is None:
        message = f"'outcome' must be one of: {options}."
        raise Invalid(message, {"outcome": f"choose one of: {options}"})
    approved = None if meant is None else meant == Consent.APPROVE
    if body.is_approve is not None and approved not in (None, body.is_approve):
        message = f"'is_approve' and 'outcome' contradict each other: send one of {options}."
        raise Invalid(message, {"is_approve": "contradicts outcome"})
    if body.is_approve is not None:
        approved = body.is_approve
    elif approved is None and body.edited_output is not None:
        approved = True
    if approved is None:
        message = (
            "This review asks whether a tool may be called: say 'is_approve' true or false, or "
            f"'outcome' with one of: {options}."
        )
        raise Invalid(message, {"is_approve": f"is required, or outcome: {options}"})
    if body.edited_output is not None and not approved:
        message = "'edited_output' are other arguments for the call: do not reject it then."
        raise Invalid(message, {"edited_output": "only with an approval"})
    outcome = Consent.APPROVE if approved else Consent.REJECT
    return given.feedback(approved=approved, outcome=outcome)


def _choice(given: Answer, review: Review) -> Feedback | None:
    body, question = given.body, review.question
    options = ", ".join(question.options)
    if body.is_approve is not None:
        message = f"This review chooses an outcome: send 'outcome' with one of: {options}."
        raise Invalid(message, {"is_approve": f"choose one of: {options}"})
    meant = option_meant(body.human_feedback if body.outcome is None else body.outcome, question)
    if body.outcome is not None and (meant is None or not body.outcome.strip()):
        message = f"'outcome' must be one of: {options}."
        raise Invalid(message, {"outcome": f"choose one of: {options}"})
    if meant is not None:
        return given.feedback(outcome=meant)
    if not body.human_feedback.strip():
        message = f"Send 'outcome' with one of: {options}; or say something in 'human_feedback'."
        raise Invalid(message, {"outcome": f"choose one of: {options}"})
    if review.weighing:
        raise AlreadyAnswered(
            "A model weighs an earlier answer just now; an explicit 'outcome' decides at once.",
            review.winner(),
        )
    return None


def _require_no_outcome(body: ResumeBody) -> None:
    if body.outcome is not None:
        message = "'outcome' answers a review that offers options; this one offers none."
        raise Invalid(message, {"outcome": "this review offers no options"})
