"""Weigh what a person said: a model says which of the offered options it means."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.entitlement import refusal
from orchestrator.domain.output import Output
from orchestrator.domain.person import address_of
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import WEIGH, TaskRun
from orchestrator.errors import FOREIGN, ClaimLost, UnknownReview, cause
from orchestrator.ports import Ports, Runner, Transaction
from orchestrator.usecases.executions.advance import begin_round, go_on
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.outage import retry_through_outage
from orchestrator.usecases.reviews.close import close_review
from orchestrator.usecases.reviews.notices import mail_again


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a model said: one of the options; or a note why nothing is decided."""

    outcome: str | None
    note: str = ""


def begin_weighing(locked: LockedExecution, review: Review) -> None:
    """Have a worker ask the model. A review may be weighed several times, one after another."""
    path = WEIGH + review.id
    earlier = [each for each in locked.tx.task_runs.of(review.execution_id) if each.path == path]
    begin_round(locked, path, len(earlier) + 1, resumes=True, name=review.task_name)


def weigh(ports: Ports, runner: Runner, deployment: Deployment, review_id: str) -> Weighed:
    """Ask the model, outside any transaction. Never raises for what the model does."""

    def look(tx: Transaction) -> tuple[Review, Output]:
        review = tx.reviews.get([review_id]).get(review_id)
        if review is None:
            raise UnknownReview(review_id)
        return review, tx.outputs.one(review.output_id)

    review, output = retry_through_outage(lambda: ports.store.read(look))
    ask_again = f"Name one of: {', '.join(review.question.options)}"
    try:
        outcome = runner.weigh(deployment, review.question, review.words or "", output)
    except ClaimLost:
        raise
    except FOREIGN as error:
        return Weighed(None, f"The words could not be weighed ({cause(error)}). {ask_again}")
    if outcome not in review.question.options:
        return Weighed(None, f"The words mean none of the options for sure. {ask_again}")
    return Weighed(outcome)


def conclude_weighing(
    locked: LockedExecution, run: TaskRun, weighed: Weighed, seconds: float
) -> TaskRun:
    """Decide as the model said, or ask the person again; nothing, where somebody decided since."""
    review = locked.tx.reviews.get([run.weighs or ""])[run.weighs or ""]
    if review.is_open and review.weighing:
        _conclude(locked, review, weighed)
    done = run.metered({}, seconds).commit(locked.now, None)
    return locked.save_run("commit", run, done)


def give_up_weighing(locked: LockedExecution, run: TaskRun, reason: str) -> None:
    """The workers that asked the model died: ask the person again."""
    review = locked.tx.reviews.get([run.weighs or ""])[run.weighs or ""]
    if review.is_open and review.weighing:
        options = ", ".join(review.question.options)
        note = f"The words could not be weighed ({reason}). Name one of: {options}"
        _conclude(locked, review, Weighed(None, note))


def weigh_no_more(locked: LockedExecution, review: Review) -> None:
    """Words that are being weighed decide nothing where their author may not decide alone any more.

    For whoever has changed who may decide, or how many have to.
    """
    if not review.weighing or _may_decide_alone(locked, review):
        return
    locked.withdraw_weighing(review)
    _leave_undecided(locked, review, "What was said before counts no more: who decides has changed")


def _may_decide_alone(locked: LockedExecution, review: Review) -> bool:
    """Whether the one whose words are weighed may, as the review stands now."""
    if review.terms is None:
        return True
    author = address_of(review.reviewer or "")
    recipients = locked.tx.recipients.of([review.id])
    why_not = refusal(review.terms, recipients, None, None, author, locked.now)
    return review.terms.decisions == 1 and why_not is None


def _conclude(locked: LockedExecution, review: Review, weighed: Weighed) -> None:
    if weighed.outcome is None:
        _leave_undecided(locked, review, weighed.note)
        return
    asked_by = locked.tx.task_runs.get(review.task_run_id)
    feedback = replace(review.weighed, outcome=weighed.outcome)
    close_review(locked, review, feedback, review.edited_output_id)
    if asked_by is not None:
        go_on(locked, asked_by.path)


def _leave_undecided(locked: LockedExecution, review: Review, note: str) -> None:
    saved = locked.save_review("undecided", review, review.undecided(note), note=note)
    _tell_whose_words_they_are(locked, saved)


def _tell_whose_words_they_are(locked: LockedExecution, review: Review) -> None:
    """Whoever answered by mail learns in no other way that nothing is decided."""
    recipients = locked.tx.recipients.of([review.id])
    mine = [each for each in recipients if each.is_asked and each.address == review.reviewer]
    mail_again(locked, review, mine)
