"""Say who is asked in a review, by the deployment's policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.checkpoint import uncounted
from orchestrator.domain.deadlines import Deadlines, deadlines
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


def route(locked: LockedExecution, question: Question) -> Routing:
    """Find the rule of the task or method that asks, and the people it leads to."""
    policy = settings_of(locked.ports, locked.tx, locked.execution.deployment).review_policy
    if policy.asks_nobody:
        return Routing()
    four_eyes = policy.rule_for(question.name).four_eyes
    excluded = frozenset(_involved(locked, question)) if four_eyes else frozenset()
    fields = {**locked.execution.inputs, **(question.state or {})}
    absences = locked.tx.absences.at(locked.now)
    return Routing(*resolve(policy, question.name, fields, excluded, absences))


def _involved(locked: LockedExecution, question: Question) -> Iterator[str]:
    """Who kicked off, and who answered the round before."""
    if locked.execution.requester is not None:
        yield locked.execution.requester
    for last in _answered_before(locked, question)[-1:]:
        answered_by = address_of(last.reviewer or "")
        if answered_by is not None:
            yield answered_by
        for recipient in locked.tx.recipients.of([last.id]):
            if recipient.state is RecipientState.VOTED:
                yield recipient.address


def _answered_before(locked: LockedExecution, question: Question) -> list[Review]:
    """The answered rounds of the same task or method, oldest first.

    What was said of a tool's call is no round of an output.
    """
    path = uncounted(question.path)
    return [
        each
        for each in locked.reviews
        if uncounted(each.path) == path
        and each.state is ReviewState.ANSWERED
        and (question.kind.is_about_call or not each.kind.is_about_call)
    ]
