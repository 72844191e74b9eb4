"""The lists that a reviewer goes by: what waits, the most urgent first, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.output import Preview
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.reviews.find import ListedReview, listed

PAGE = 50

SEARCHED = 1000
"""How many reviews a search looks at before it shows what it has found, and offers to go on."""

COUNTED = 999
"""Up to how many are counted: a list that is longer is long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reviews are meant; what is empty does not matter.

    ``assigned_to`` is the address of a person whom they wait for, ``by_group`` whether as a member
    of a group, or by themselves. ``text`` is a part of the name of
    the task, of the question or of the execution's id, whatever its case.
    """

    scope: Scope = EVERYWHERE
    assigned_to: str | None = None
    text: str = ""
    by_group: bool | None = None

    def waits_for(self, recipients: Sequence[Recipient]) -> bool:
        """Whether whom a review waits for is who is meant."""
        if self.assigned_to is None:
            return True
        asked = [e for e in recipients if e.is_asked and e.address == self.assigned_to]
        return any(self.by_group in (None, each.by_group is not None) for each in asked)

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
        names, who = wanted.scope.names, wanted.assigned_to
        seen = tx.reviews.waiting(names, place, most + 1, who, by_group=wanted.by_group)
        found = [review for review in seen[:most] if wanted.matches(review)]
        if len(found) > PAGE:
            return Listing(listed(tx, found[:PAGE]), found[PAGE - 1].id)
        return Listing(listed(tx, found), seen[most - 1].id if len(seen) > most else None)

    return ports.store.read(read)


def count_waiting(ports: Ports, kinds: Sequence[Wanted]) -> tuple[int, ...]:
    """How many wait of each kind, whatever their text; of more than ``COUNTED``, one more."""

    def read(tx: Transaction) -> tuple[int, ...]:
        return tuple(
            tx.reviews.count_waiting(
                each.scope.names, COUNTED + 1, each.assigned_to, by_group=each.by_group
            )
            for each in kinds
        )

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
