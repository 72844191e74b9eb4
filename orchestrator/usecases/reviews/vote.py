"""Who may decide in a review, and what their votes come to where several have to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.entitlement import refusal_in
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import Terms
from orchestrator.domain.votes import VoteResult, tally
from orchestrator.errors import Invalid, NotEntitled
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.reviews.notices import mail_again
from orchestrator.wire.requests import ResumeBody

_CHANGEABLE = (QuestionKind.JUDGE, QuestionKind.APPROVAL, QuestionKind.CHOICE)
"""What a person alone may approve in words of their own."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A vote was taken and decides nothing yet; ``missing`` is 0 where all have to vote again."""

    missing: int


def require_entitled(locked: LockedExecution, review: Review, who: str | None) -> Recipient | None:
    """The recipient that this person is, None for somebody who answers without being asked.

    Raises NotEntitled where this person may not decide.
    """
    if review.terms is None:
        return None
    recipients = locked.tx.recipients.of([review.id])
    why_not = refusal_in(review, recipients, who, locked.now)
    if why_not is not None:
        raise NotEntitled(why_not)
    return next((each for each in recipients if each.address == who and each.is_asked), None)


def count_vote(
    locked: LockedExecution,
    review: Review,
    voter: Recipient,
    feedback: Feedback | None,
    body: ResumeBody,
) -> Feedback | Undecided | None:
    """Write down what this person decided, and say what all who voted come to.

    None, and nothing is written, where a model has to weigh the words first. Raises Invalid for
    what several cannot decide on together.
    """
    terms = review.terms or Terms()
    if terms.decisions > 1:
        _require_votable(review, feedback, body)
    if feedback is None:
        return None
    voted = locked.tx.recipients.save(voter, voter.vote(feedback, locked.now))
    decided = {"approved": feedback.approved, "outcome": feedback.outcome}
    words = feedback.words or None
    locked.record("recipient.vote", voted.id, review, by=voted.address, feedback=words, **decided)
    if terms.decisions == 1:
        return feedback
    recipients = locked.tx.recipients.of([review.id])
    result = tally(terms, recipients, review.kind)
    if result is None:
        _give_back(locked, review, voted)
        votes = [each for each in recipients if each.state is RecipientState.VOTED]
        return Undecided(max(1, terms.decisions - len(votes)))
    if result.undecided:
        _ask_again(locked, _give_back(locked, review, voted), recipients)
        return Undecided(0)
    return _together(feedback, result)


def _give_back(locked: LockedExecution, review: Review, voted: Recipient) -> Review:
    """Whoever claimed it has decided: the others need not wait until their time is up."""
    if review.claimed_by != voted.address:
        return review
    return locked.save_review("release", review, review.release(), by=voted.address)


def _require_votable(review: Review, feedback: Feedback | None, body: ResumeBody) -> None:
    if feedback is None:
        options = ", ".join(review.question.options)
        message = f"Several people decide here: name one of the options in 'outcome': {options}."
        raise Invalid(message, {"outcome": f"choose one of: {options}"})
    if body.edited_output is not None and review.kind in _CHANGEABLE:
        is_choice = review.kind is QuestionKind.CHOICE
        instead = "choose an option" if is_choice else "ask for changes with is_approve false"
        message = f"Several people decide on this text, so nobody changes it alone: {instead}."
        raise Invalid(message, {"edited_output": "several people decide on this text"})


def _ask_again(locked: LockedExecution, review: Review, recipients: Sequence[Recipient]) -> None:
    """Those who voted did not agree: each is asked once more, and told so."""
    again = []
    for each in recipients:
        if each.state is RecipientState.VOTED:
            asked = locked.tx.recipients.save(each, each.ask_again())
            locked.record("recipient.ask_again", asked.id, review, to=asked.address)
            again.append(asked)
    mail_again(locked, review, again)


def _together(last: Feedback, result: VoteResult) -> Feedback:
    return Feedback(
        words=result.words,
        actor=last.actor,
        channel=last.channel,
        reviewer=last.reviewer,
        approved=result.approved,
        outcome=result.outcome,
        rework_from=last.rework_from,
    )
