"""One open review with its execution under its lock, for what people do beside deciding in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.permission import Scope
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.review_terms import AskedPerson, Terms
from orchestrator.domain.routing import present
from orchestrator.errors import AlreadyAnswered, NotEntitled
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.reviews.find import find_review


@dataclass(frozen=True, slots=True)
class LockedReview:
    """An open review, and those who are asked in it."""

    locked: LockedExecution
    review: Review
    recipients: tuple[Recipient, ...]

    def recipient(self, who: str) -> Recipient:
        """The one who is asked and has that address. Raises NotEntitled."""
        for each in self.recipients:
            if each.address == who and each.is_asked:
                return each
        raise NotEntitled(f"{who} is not among those who are asked in this review")

    def who_is_here(self, meant: AskedPerson) -> AskedPerson:
        """Whoever is meant, or who stands in for them while they are away. Raises NotEntitled."""
        absences = self.locked.tx.absences.at(self.locked.now)
        terms = self.review.terms or Terms()
        found = present([meant], absences, terms.excluded)
        if not found:
            until = absences[meant.address].until.isoformat()
            raise NotEntitled(f"{meant.address} is away until {until}")
        return found[0]


@dataclass(frozen=True, slots=True)
class Act:
    """Which review somebody does something about: ``actor`` is whose credentials it came with.

    ``scope`` is where these are good for it.
    """

    review_id: str
    scope: Scope
    actor: str


def with_open_review(ports: Ports, act: Act, work: Callable[[LockedReview], None]) -> Review:
    """Do the work in one transaction, and return the review as it is then.

    Raises UnknownReview, AlreadyAnswered, and whatever the work does.
    """
    found = find_review(ports, act.review_id, act.scope)

    def decide(tx: Transaction) -> None:
        locked = lock_execution(ports, tx, found.execution_id, act.actor)
        review = tx.reviews.get([found.id])[found.id]
        if not review.is_open:
            raise AlreadyAnswered(review.summary(), review.winner())
        work(LockedReview(locked, review, tx.recipients.of([review.id])))
        locked.close()

    ports.store.transact(decide)
    return find_review(ports, act.review_id, act.scope)
