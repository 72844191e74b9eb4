"""The lists that a reviewer goes by: what waits, the most urgent first, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.output import Preview
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.review import Review
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.reviews.find import ListedReview, listed

PAGE = 50

SEARCHED = 1000
"""How many reviews a search looks at before it shows what it has found, and offers to go on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reviews are meant; what is empty does not matter.

    ``assigned_to`` is the address of a person whom they wait for. ``text`` is a part of the name of
    the task, of the question or of the execution's id, whatever its case.
    """

    scope: Scope = EVERYWHERE
    assigned_to: str | None = None
    text: str = ""

    def matches(self, review: Review) -> bool:
        """Whether the text is in what a review is known by."""
        known_by = (review.task_name, review.question.message, review.execution_id)
        sought = self.text.strip().casefold()
        return any(sought in each.casefold() for each in known_by)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list; ``more_after`` is the id of the review after which the next one begins."""

    reviews: tuple[ListedReview, ...]
    more_after: str | None = None


def list_waiting(ports: Ports, wanted: Wanted, after: str | None) -> Listing:
    """Open reviews by their deadlines, those without one last."""
    most = SEARCHED if wanted.text else PAGE

    def read(tx: Transaction) -> Listing:
        place = _place(tx, after)
        seen = tx.reviews.waiting(wanted.scope.names, place, most + 1, wanted.assigned_to)
        found = [review for review in seen[:most] if wanted.matches(review)]
        if len(found) > PAGE:
            return Listing(listed(tx, found[:PAGE]), found[PAGE - 1].id)
        return Listing(listed(tx, found), seen[most - 1].id if len(seen) > most else None)

    return ports.store.read(read)


def list_done(ports: Ports, scope: Scope, after: str | None) -> Listing:
    """Closed reviews, the last ones first."""

    def read(tx: Transaction) -> Listing:
        found = tx.reviews.done(scope.names, _place(tx, after), PAGE + 1)
        more = found[PAGE - 1].id if len(found) > PAGE else None
        return Listing(tuple(ListedReview(each, Preview("")) for each in found[:PAGE]), more)

    return ports.store.read(read)


def _place(tx: Transaction, review_id: str | None) -> Review | None:
    return tx.reviews.get([review_id]).get(review_id) if review_id else None
