"""List the reviews that wait for a person, and find one of them."""

from __future__ import annotations

from orchestrator.domain.review import Review
from orchestrator.errors import UnknownReview
from orchestrator.ports import Ports, Position, Transaction
from orchestrator.usecases.executions.snapshot import PendingReview


def list_pending(
    ports: Ports, deployment: str | None, after: Position | None, limit: int
) -> tuple[PendingReview, ...]:
    """Some of the open reviews of a deployment, or of all, oldest first, with their outputs."""

    def read(tx: Transaction) -> tuple[PendingReview, ...]:
        reviews = tx.reviews.pending(deployment, after, limit)
        outputs = tx.outputs.shown([review.output_id for review in reviews])
        return tuple(PendingReview(review, outputs[review.output_id]) for review in reviews)

    return ports.store.read(read)


def find_review(ports: Ports, review_id: str, deployment: str | None) -> Review:
    """The review with that id, whatever its state.

    Raises UnknownReview, also for one of another deployment than the one that is named.
    """
    review = ports.store.read(lambda tx: tx.reviews.get([review_id])).get(review_id)
    if review is None or deployment not in (None, review.deployment):
        raise UnknownReview(review_id)
    return review
