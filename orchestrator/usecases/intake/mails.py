"""Keep what became of mails that came in, and see it."""

from __future__ import annotations

from orchestrator.domain.figures import Refusals
from orchestrator.domain.inbound_mail import StoredMail
from orchestrator.ports import MailFilter, Ports, Position, Transaction


def list_mails(
    ports: Ports, wanted: MailFilter, after: Position | None, limit: int
) -> tuple[StoredMail, ...]:
    """Some of the mails that are meant, newest first; of no deployment too, where that is all."""
    return ports.store.read(lambda tx: tx.mails.page(wanted, after, limit))


def settle(tx: Transaction, mail: StoredMail) -> bool:
    """Keep what became of a mail, and count it with those that were refused for the same.

    False, and nothing done, where it no longer waits.
    """
    settled = tx.mails.settle(mail)
    if settled and mail.why is not None:
        tx.figures.refuse(Refusals.MAILS, mail.why.value)
    return settled
