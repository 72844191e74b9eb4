"""Say who is asked in a review, by the deployment's policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.checkpoint import Cause, uncounted
from orchestrator.domain.deadlines import Deadlines, deadlines
from orchestrator.domain.execution import Execution
from orchestrator.domain.person import address_of
from orchestrator.domain.question import Question
from orchestrator.domain.recipient import RecipientState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.review_terms import AskedPerson, Terms
from orchestrator.domain.routing import resolve
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.locked_execution import LockedExecution


@dataclass(frozen=True, slots=True)
class Routing:
    """On which terms whom to ask; without terms, nobody in particular."""

    terms: Terms | None = None
    asked: tuple[AskedPerson, ...] = ()

    def deadlines(self, opened_at: datetime) -> Deadlines:
        """When something is done about the review while nobody answers."""
        return Deadlines() if self.terms is None else deadlines(self.terms, opened_at)


def route(locked: LockedExecution, question: Question, round_: int) -> Routing:
    """Find the rule of the task or method that asks, and the people it leads to.

    ``round_`` is the one in which it asks.
    """
    policy = settings_of(locked.ports, locked.tx, locked.execution.deployment).review_policy
    if policy.asks_nobody:
        return Routing()
    four_eyes = policy.rule_for(question.name).four_eyes
    excluded = frozenset(_involved(locked, question, round_)) if four_eyes else frozenset()
    fields = {**locked.execution.inputs, **(question.state or {})}
    absences = locked.tx.absences.at(locked.now)
    return Routing(*resolve(policy, question.name, fields, excluded, absences))


def _involved(locked: LockedExecution, question: Question, round_: int) -> Iterator[str]:
    """Who kicked off, here or what it was forked from, and who answered the round before."""
    yield from _requesters(locked)
    for last in _answered_before(locked, question, round_)[-1:]:
        answered_by = address_of(last.reviewer or "")
        if answered_by is not None:
            yield answered_by
        for recipient in locked.tx.recipients.of([last.id]):
            if recipient.state is RecipientState.VOTED:
                yield recipient.address


def _requesters(locked: LockedExecution) -> Iterator[str]:
    execution: Execution | None = locked.execution
    while execution is not None:
        if execution.requester is not None:
            yield execution.requester
        first = execution.forked_from
        execution = locked.tx.executions.get(first) if first else None


def _answered_before(locked: LockedExecution, question: Question, round_: int) -> list[Review]:
    """The answered rounds of the same task or method before that one, oldest first.

    What was said of a tool's call is no round of an output. Nor does an answer count that a rewind
    to its own question has taken back.
    """
    path = uncounted(question.path, question.name)
    answered = [
        each
        for each in locked.reviews
        if uncounted(each.path, each.task_name) == path and each.state is ReviewState.ANSWERED
    ]
    if question.kind.is_about_call:
        return answered
    stand = {each.review_id for each in locked.checkpoints if each.cause is Cause.ANSWER}
    return [
        each
        for each in answered
        if not each.kind.is_about_call and (each.round < round_ or each.id in stand)
    ]
