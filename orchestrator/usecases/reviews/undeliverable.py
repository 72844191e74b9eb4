"""Note that somebody who is asked cannot be reached by mail."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain.canonical import decode
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import worker_actor
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution


def note_undeliverable(ports: Ports, tx: Transaction, ended: Delivery, worker: str) -> None:
    """A mail has ended without arriving: note it with whom it was for, and have others asked.

    Part of the transaction that records the end. Does nothing for a mail that was about no review,
    or whose review is gone.
    """
    about = _about(tx.deliveries.get(ended.id))
    if about is None:
        return
    review_id, recipient_id = about
    locked = lock_execution(ports, tx, ended.execution_id, worker_actor(worker))
    review = tx.reviews.get([review_id]).get(review_id)
    found = [each for each in tx.recipients.of([review_id]) if each.id == recipient_id]
    if review is None or not found:
        return
    troubled = tx.recipients.save(found[0], replace(found[0], trouble=ended.reason))
    details = {"address": troubled.address, "error": ended.reason, "delivery_id": ended.id}
    locked.record("review.undeliverable", review.id, review, **details)
    if review.is_open and troubled.is_asked:
        ask_others(locked, review, troubled)
    locked.close()


def ask_others(locked: LockedExecution, review: Review, troubled: Recipient) -> None:
    """Where those who are next in the review are asked; so far it is noted, and no more."""


def _about(mail: Delivery | None) -> tuple[str, str] | None:
    """The ids of the review and the recipient that a mail is about."""
    if mail is None or not mail.body:
        return None
    try:
        body = decode(mail.body)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    review_id, recipient_id = body.get("review_id"), body.get("recipient_id")
    if not isinstance(review_id, str) or not isinstance(recipient_id, str):
        return None
    return review_id, recipient_id
