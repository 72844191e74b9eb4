"""Find mails that would ask somebody for what is decided already."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.delivery import Delivery
from orchestrator.ports import Transaction
from orchestrator.wire.notices import About, about

DECIDED = "The review was closed before the mail went out"
NOT_ASKED = "Nobody waits for this person's answer any more"


def asked_in_vain(tx: Transaction, mails: Sequence[Delivery]) -> dict[str, str]:
    """Of the mails, those that ask for an answer nobody waits for: by their ids, the reason.

    A mail waits while the mail server is away, and its review does not wait for it.
    """
    asking = {mail.id: said for mail in mails if (said := about(mail.body)) and said.asks}
    if not asking:
        return {}
    review_ids = sorted({said.review_id for said in asking.values()})
    reviews = tx.reviews.get(review_ids)
    closed = {id_ for id_, review in reviews.items() if not review.is_open}
    asked = {each.id: each.is_asked for each in tx.recipients.of(review_ids)}

    def why(said: About) -> str | None:
        if said.review_id in closed:
            return DECIDED
        return None if asked.get(said.recipient_id, True) else NOT_ASKED

    return {mail_id: reason for mail_id, said in asking.items() if (reason := why(said))}
