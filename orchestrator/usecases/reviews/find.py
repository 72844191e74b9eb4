"""List the reviews that wait for a person, and find one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.output import Output, Preview
from orchestrator.domain.permission import Scope
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.token import hash_of
from orchestrator.errors import UnknownReview
from orchestrator.ports import Ports, Position, Transaction


@dataclass(frozen=True, slots=True)
class ListedReview:
    """An open review with the beginning of the text that a person has to judge.

    ``recipients`` are those who are asked, or were.
    """

    review: Review
    preview: Preview
    recipients: tuple[Recipient, ...] = ()

    @property
    def id(self) -> str:
        """The review's id."""
        return self.review.id

    @property
    def created_at(self) -> datetime:
        """When the person was asked."""
        return self.review.created_at


def list_pending(
    ports: Ports,
    scope: Scope,
    after: Position | None,
    limit: int,
    assigned_to: str | None = None,
) -> tuple[ListedReview, ...]:
    """Some of the open reviews of deployments of the scope, oldest first.

    ``assigned_to`` leaves those that wait for the person of that address.
    """

    def read(tx: Transaction) -> tuple[ListedReview, ...]:
        reviews = tx.reviews.pending(scope.names, after, limit, assigned_to)
        return listed(tx, reviews)

    return ports.store.read(read)


def listed(tx: Transaction, reviews: Sequence[Review]) -> tuple[ListedReview, ...]:
    """These reviews as lists show them."""
    previews = tx.outputs.previews([review.output_id for review in reviews])
    asked = tx.recipients.of([review.id for review in reviews if review.terms])
    return tuple(
        ListedReview(
            review,
            previews.get(review.output_id, Preview("")),
            tuple(each for each in asked if each.review_id == review.id),
        )
        for review in reviews
    )


def who_is_asked(ports: Ports, review: Review) -> tuple[Recipient, ...]:
    """Those who are asked in a review, or were, in the order in which they were asked."""
    return ports.store.read(lambda tx: tx.recipients.of([review.id]))


def find_review(ports: Ports, review_id: str, scope: Scope) -> Review:
    """The review with that id, whatever its state.

    Raises UnknownReview, also for one that may not be seen, and NotEntitled. Whoever is asked in it
    may see it, wherever it is.
    """

    def read(tx: Transaction) -> Review:
        review = tx.reviews.get([review_id]).get(review_id)
        if review is None:
            raise UnknownReview(review_id)
        if review.deployment not in scope and not _is_known_to(tx, review, scope.person):
            scope.require(review.deployment, UnknownReview(review_id))
        return review

    return ports.store.read(read)


def _is_known_to(tx: Transaction, review: Review, person: str | None) -> bool:
    return person is not None and any(
        each.address == person for each in tx.recipients.of([review.id])
    )


def recipient_of(tx: Transaction, token: str) -> Recipient | None:
    """Whom the mail with that token went to, as they are asked now; None where it went to nobody.

    Who was asked anew has another mail as well, and answers by whichever is at hand.
    """
    found = tx.recipients.by_token(hash_of(token))
    if found is None or found.is_asked:
        return found
    of_review = tx.recipients.of([found.review_id])
    return next((e for e in of_review if e.address == found.address and e.is_asked), found)


def reviewed_output(ports: Ports, review: Review) -> Output:
    """The output that a review is about."""
    return ports.store.read(lambda tx: tx.outputs.one(review.output_id))


def earlier_rounds(ports: Ports, review: Review) -> tuple[Review, ...]:
    """The answered rounds of the same task before this one, oldest first."""
    found = ports.store.read(lambda tx: tx.reviews.of(review.execution_id))
    return tuple(each for each in found if each.came_before(review))
