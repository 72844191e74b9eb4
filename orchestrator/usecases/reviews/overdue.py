"""See to a review that nobody has answered: remind, escalate, answer it, free it of a claim.

Each of these is due at a time of its own by the database's clock, and happens once: whoever comes
second finds the next time in its place. An answer that was accepted before wins.
"""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain.deadlines import deadlines
from orchestrator.domain.feedback import Feedback, option_meant
from orchestrator.domain.question import QuestionKind
from orchestrator.domain.review import Review
from orchestrator.domain.review_policy import Automatic
from orchestrator.domain.review_terms import Terms
from orchestrator.domain.routing import present
from orchestrator.domain.timeline import SWEEP
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.reviews.ask import ask_more, creator_of
from orchestrator.usecases.reviews.decide import decide
from orchestrator.usecases.reviews.notices import mail_again, tell_webhooks_again
from orchestrator.usecases.reviews.open import most_rounds_of
from orchestrator.wire.notices import Notice

AUTOMATIC = "automatic"
"""The channel of an answer that nobody gave."""


def see_to_overdue(ports: Ports, review: Review) -> bool:
    """Do what is due about a review; False where there is nothing, or somebody answered."""

    def work(tx: Transaction) -> bool:
        locked = lock_execution(ports, tx, review.execution_id, SWEEP)
        current = tx.reviews.get([review.id])[review.id]
        if not current.is_unanswered or current.terms is None:
            return False
        if not _is_past(locked, current.due_at):
            return False
        _see_to(locked, current, current.terms)
        locked.close()
        return True

    return ports.store.transact(work)


def _is_past(locked: LockedExecution, moment: datetime | None) -> bool:
    return moment is not None and moment <= locked.now


def _see_to(locked: LockedExecution, review: Review, terms: Terms) -> None:
    if _is_past(locked, review.claim_until):
        review = locked.save_review("release", review, review.release(), by=review.claimed_by)
    if terms.automatic is not None and _is_past(locked, review.answer_at):
        review = _answer(locked, review, terms.automatic)
    if not review.is_open:
        return
    if _is_past(locked, review.escalate_at):
        review = escalate(locked, review, terms)
    if _is_past(locked, review.remind_at):
        _remind(locked, review, terms)


def _answer(locked: LockedExecution, review: Review, automatic: Automatic) -> Review:
    """Give the automatic answer; where it does not fit the question, people have to."""
    feedback = Feedback(
        words=automatic.words,
        actor=SWEEP,
        channel=AUTOMATIC,
        approved=automatic.approved,
        outcome=option_meant(automatic.outcome, review.question) if automatic.outcome else None,
    )
    why_not = _why_it_does_not_fit(locked, review, feedback)
    if why_not is None:
        decide(locked, review, feedback)
        return locked.tx.reviews.get([review.id])[review.id]
    note = f"The automatic answer does not fit: {why_not}. A person has to decide"
    return locked.save_review("undecided", review, review.unanswerable(note), note=note)


def _why_it_does_not_fit(locked: LockedExecution, review: Review, feedback: Feedback) -> str | None:
    if review.kind is QuestionKind.CHOICE:
        return None if feedback.outcome else "it is none of the options"
    if review.kind is not QuestionKind.JUDGE or feedback.approved is None:
        return "it is of another kind than the question"
    most = most_rounds_of(locked, review)
    if not feedback.approved and most is not None:
        return f"the deployment allows {most} rounds"
    return None


def escalate(locked: LockedExecution, review: Review, terms: Terms) -> Review:
    """Ask those on the next rung of the ladder as well; the creator where all of them are away."""
    rung = terms.ladder[review.rung]
    climbed = review.rung + 1
    after = deadlines(terms, review.created_at, climbed)
    saved = locked.save_review("escalate", review, review.escalate(after.escalate_at), rung=climbed)
    absences = locked.tx.absences.at(locked.now)
    found = present(rung.asked, absences, terms.excluded)
    asked = ask_more(locked, saved, found or creator_of(locked))
    tell_webhooks_again(locked, saved, Notice.ESCALATION, asked)
    return saved


def _remind(locked: LockedExecution, review: Review, terms: Terms) -> None:
    """Remind all whom it waits for; only those whose snooze is over, where that alone is due."""
    recipients = locked.tx.recipients.of([review.id])
    asked = [each for each in recipients if each.is_asked]
    awake = [each for each in asked if not each.is_snoozed(locked.now)]
    woken = [each for each in awake if each.snoozed_until is not None]
    last = None
    if any(each.snoozed_until is not None for each in recipients):
        last = _last_reminded_at(locked, review)
        if not _is_past(locked, deadlines(terms, review.created_at, 0, last).remind_at):
            awake = woken
    if awake is not woken:
        last = locked.now
    next_time = deadlines(terms, review.created_at, 0, last).remind_at
    woken_at = [each.snoozed_until for each in asked if each.is_snoozed(locked.now)]
    again_at = min(filter(None, (next_time, *woken_at)), default=None)
    alone = [each.address for each in woken] if awake is woken else None
    saved = locked.save_review("remind", review, review.remind(again_at), snoozed=alone)
    told = [locked.tx.recipients.save(e, e.wake()) if e in woken else e for e in awake]
    mail_again(locked, saved, told)
    tell_webhooks_again(locked, saved, Notice.REMINDER, told)


def _last_reminded_at(locked: LockedExecution, review: Review) -> datetime | None:
    """When all whom it waits for were reminded last, and not those alone who had put it off."""
    entries = locked.tx.timeline.of(review.execution_id)
    return max(
        (
            each.at
            for each in entries
            if (each.event, each.subject_id) == ("review.remind", review.id)
            and "snoozed" not in each.details
        ),
        default=None,
    )
