"""Take back what was said in an answer, as long as no task has read it. The decision stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.person import address_of
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRun
from orchestrator.domain.votes import together
from orchestrator.errors import AlreadyRead, Invalid, NotEntitled
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.reviews.find import find_review
from orchestrator.usecases.reviews.locked_review import Act

_WORDS_DECIDE = (QuestionKind.INPUT, QuestionKind.EFFECT, QuestionKind.APPROVAL)
"""Where the words are the answer itself: without them nothing would be left of it."""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Who takes back whose words.

    ``identity`` is the person whose credentials these are; None for those of nobody in particular,
    which are trusted with all that is said in the deployment. These may say in ``person`` whose
    words they mean; without it they mean everybody's.
    """

    act: Act
    identity: str | None = None
    person: str | None = None


def take_back_words(ports: Ports, asked: TakeBack) -> Review:
    """Take the words away, and return the review as it is then.

    Doing it twice changes nothing. Raises UnknownReview; AlreadyRead where a run was given the
    words; NotEntitled for somebody else's; Invalid where there are none, or they are the answer.
    """
    act = asked.act
    found = find_review(ports, act.review_id, act.scope)

    def decide(tx: Transaction) -> None:
        locked = lock_execution(ports, tx, found.execution_id, act.actor)
        review = tx.reviews.get([found.id])[found.id]
        reviews = [review, *_passed_on(tx, review)]
        votes = _votes(tx, reviews)
        mine = _own(votes, review, asked)
        if _are_gone(review, mine):
            return
        _require_words(review)
        for each in reviews:
            _require_unread(tx, each)
        for vote in mine:
            tx.recipients.save(vote, vote.take_back())
        left = together([each for each in votes if each not in mine])
        for each in reviews:
            _save(locked, each, asked, left or None)
        locked.close()

    ports.store.transact(decide)
    return find_review(ports, act.review_id, act.scope)


def may_take_back(review: Review, recipients: Sequence[Recipient], person: str | None) -> bool:
    """Whether there are words that this person could take back now; None has a right to all."""
    if not (review.words or "").strip() or review.state is not ReviewState.ANSWERED:
        return False
    if review.kind in _WORDS_DECIDE or review.read_by is not None:
        return False
    voted = {each.address for each in recipients if each.words}
    return person is None or person in voted or address_of(review.reviewer or "") == person


def reader_of(ports: Ports, review: Review) -> TaskRun | None:
    """The first run that was given the words; None where there is none, or nobody knows."""
    reader = review.read_by
    return ports.store.read(lambda tx: tx.task_runs.get(reader)) if reader else None


def _votes(tx: Transaction, reviews: Sequence[Review]) -> list[Recipient]:
    """Those who decided in one of them, in the order in which their words stand together."""
    asked = tx.recipients.of([each.id for each in reviews])
    found = [each for each in asked if each.state is RecipientState.VOTED]
    return sorted(found, key=lambda vote: vote.decided_at or vote.created_at)


def _own(votes: Sequence[Recipient], review: Review, asked: TakeBack) -> list[Recipient]:
    """Whose votes lose their words; none of them where nobody in particular was asked.

    Raises NotEntitled.
    """
    who = asked.identity or asked.person
    own = [each for each in votes if who in (None, each.address)]
    if own or who is None or address_of(review.reviewer or "") == who:
        return own
    raise NotEntitled(f"{who} said nothing in this review: people take back what they said")


def _are_gone(review: Review, mine: Sequence[Recipient]) -> bool:
    if review.taken_back_at is None:
        return False
    return review.words is None or (bool(mine) and all(each.words is None for each in mine))


def _require_words(review: Review) -> None:
    """Raises Invalid."""
    if review.state is not ReviewState.ANSWERED or not (review.words or "").strip():
        raise Invalid(f"Nothing was said in the review of '{review.task_name}' that could go.")
    if review.kind in _WORDS_DECIDE:
        message = (
            "Here the words are the answer itself, and it has gone to what asked. Rewind the "
            "execution to before it, and answer anew."
        )
        raise Invalid(message)


def _passed_on(tx: Transaction, review: Review) -> list[Review]:
    """The note on an earlier task that has the same words; or the review that the note is of."""
    return [
        each
        for each in tx.reviews.of(review.execution_id)
        if review.id == each.passed_on_as or each.id == review.passed_on_as
    ]


def _require_unread(tx: Transaction, review: Review) -> None:
    """Raises AlreadyRead."""
    if review.read_by is None:
        return
    run = tx.task_runs.get(review.read_by)
    reader: dict[str, Any]
    if run is not None:
        reader = {"task_run_id": run.id, "task_name": run.task_name, "round": run.round}
        what = "A model has weighed" if run.weighs else f"'{run.task_name}', round {run.round}, has"
        which = f"{what} these words already" if run.weighs else f"{what} read these words already"
    elif tx.executions.get(review.read_by) is not None:
        reader = {"execution_id": review.read_by}
        which = f"Execution {review.read_by} was forked with these words"
    else:
        reader, which = {}, "Nobody knows whether a task has read these words: they are older"
    raise AlreadyRead(f"{which}. To have it run without them, rewind the execution.", reader)


def _save(locked: LockedExecution, review: Review, asked: TakeBack, left: str | None) -> None:
    who = asked.identity or asked.person or locked.actor
    taken = locked.overwrite_review(review, review.take_back(locked.now, who, left))
    locked.record("review.take_back", taken.id, taken, by=who)
