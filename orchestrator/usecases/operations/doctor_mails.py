"""What ``orchestrator doctor`` says of mails that come in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from orchestrator.jobs import INTAKE
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.finding import REFUSED_LATELY, WAITS_TOO_LONG, Finding

NOT_READ_FOR = timedelta(minutes=3)
"""A mailbox is looked at every 30 seconds, and its server may take a minute to answer."""


def mails(_: Ports, tx: Transaction) -> Iterator[Finding]:
    """Those that nobody reads, mailboxes that cannot be read; a refused mail is its sender's."""
    yield from _unread(tx)
    yield from _mailboxes(tx)
    refused = tx.mails.refused(tx.now() - REFUSED_LATELY)
    if refused:
        by_why = ", ".join(f"{count} {why}" for why, count in sorted(refused.items()))
        where = "orchestrator mail inbound --state REFUSED"
        yield Finding("mails", f"refused within a day: {by_why}: {where}")


def _unread(tx: Transaction) -> Iterator[Finding]:
    count, oldest = tx.mails.unread()
    if oldest is None:
        return
    waits = tx.now() - oldest
    says = f"{count} wait to be read, one since {waits.total_seconds():.0f} s"
    mend = f"See that a worker of the queue {INTAKE} runs, and read its log"
    yield Finding("mails", says, mend if waits > WAITS_TOO_LONG else None)


def _mailboxes(tx: Transaction) -> Iterator[Finding]:
    now = tx.now()
    for each in tx.mails.mailboxes():
        seconds = None if each.read_at is None else (now - each.read_at).total_seconds()
        when = "was not read yet" if seconds is None else f"was read {seconds:.0f} s ago"
        says = f"{each.name} {when}" + (f": {each.error}" if each.error else "")
        mend = (
            "Start one: orchestrator mail fetch"
            if each.error is None
            else "Mend its server, or correct ORCHESTRATOR_MAIL_IMAP_HOST, _USER and _PASSWORD"
        )
        late = each.read_at is None or now - each.read_at > NOT_READ_FOR
        yield Finding("mailbox", says, mend if late else None)
