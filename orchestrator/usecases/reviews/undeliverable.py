"""Note that somebody who is asked cannot be reached by mail, or can be again."""

from __future__ import annotations

from itertools import groupby

from orchestrator.domain.delivery import Delivery
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import worker_actor
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.reviews.ask import ask_more, creator_of
from orchestrator.usecases.reviews.overdue import escalate
from orchestrator.wire.notices import about

MOST_REACHED = 100
"""Of those in whose reviews a mail did not arrive, so many are noted with one that does."""


def note_undeliverable(ports: Ports, tx: Transaction, ended: Delivery, worker: str) -> None:
    """A mail has ended without arriving: note it with whom it was for, and have others asked.

    Others are asked once, however many mails to that person end so: a reminder says nothing new.
    Part of the transaction that records the end. Does nothing for a mail that was about no review,
    or whose review is gone.
    """
    mail = tx.deliveries.get(ended.id)
    said = about(mail.body) if mail else None
    if said is None:
        return
    review_id, recipient_id = said.review_id, said.recipient_id
    locked = lock_execution(ports, tx, ended.execution_id, worker_actor(worker))
    review = tx.reviews.get([review_id]).get(review_id)
    found = [each for each in tx.recipients.of([review_id]) if each.id == recipient_id]
    if review is None or not found:
        return
    is_new = found[0].trouble is None
    why = ended.reason or "It did not arrive"
    troubled = tx.recipients.save(found[0], found[0].undeliverable(why))
    details = {"to": troubled.address, "error": why, "delivery_id": ended.id}
    locked.record("recipient.undeliverable", troubled.id, review, **details)
    if is_new and review.is_open and troubled.is_asked:
        ask_next(locked, review)
    locked.close()


def note_reached(ports: Ports, tx: Transaction, deployment: str, address: str, worker: str) -> None:
    """A mail of a deployment's has arrived at an address: it is in trouble no more.

    Part of the transaction that records it. Whom else was asked meanwhile is asked still.
    """
    found = tx.recipients.troubled(deployment, address, MOST_REACHED)
    reviews = tx.reviews.get([each.review_id for each in found]) if found else {}
    for execution_id, recipients in groupby(found, key=lambda each: each.execution_id):
        locked = lock_execution(ports, tx, execution_id, worker_actor(worker))
        for each in recipients:
            tx.recipients.save(each, each.reached())
            review = reviews.get(each.review_id)
            locked.record("recipient.reached", each.id, review, to=address)
        locked.close()


def ask_next(locked: LockedExecution, review: Review) -> None:
    """Ask those on the next rung of the ladder at once; at its top, the creator."""
    if review.terms is not None and review.rung < len(review.terms.ladder):
        escalate(locked, review, review.terms)
    else:
        ask_more(locked, review, creator_of(locked))
