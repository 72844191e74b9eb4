"""Take in a mail: store it first, then read it in a worker. None is lost, none is taken twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

import structlog

from orchestrator import jobs
from orchestrator.domain import retry
from orchestrator.domain.inbound_mail import LARGEST_MAIL, MailState, StoredMail
from orchestrator.domain.mail_reply import (
    Ignored,
    InboundMail,
    Refused,
    Reply,
    SenderProof,
    read_reply,
)
from orchestrator.errors import TooLarge, Transient, Unreadable, UnreadableHere
from orchestrator.ports import Ports, SenderCheck, StoredResponse, Transaction
from orchestrator.usecases.intake.mails import settle
from orchestrator.usecases.reviews.answer_by_mail import answer_by_mail
from orchestrator.wire.inbound_mail import message_id_of, read_mail, sender_of

log = structlog.get_logger()

LONGEST_WAIT = timedelta(days=1)
"""For a DNS that is silent: whose domain has none any more is told so."""

_CALL = "mail"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the server that handed a mail over said beside it."""

    sender: str
    recipients: tuple[str, ...]


def store_mail(
    ports: Ports, raw: bytes, envelope: Envelope | None = None, once: str | None = None
) -> StoredMail | None:
    """Keep a mail as it came, and have a worker read it; None where it came before.

    ``once`` names what brought it, where that counts a single time, whatever mail it is with.
    It is safe once this returns. Raises TooLarge, and Transient while the database is away.
    """
    if len(raw) > LARGEST_MAIL:
        raise TooLarge(LARGEST_MAIL)
    mail_id, message_id, sender = ports.ids.new(), message_id_of(raw), sender_of(raw)
    whole = _with_envelope(raw, envelope) if envelope else raw

    def add(tx: Transaction) -> StoredMail | None:
        now = tx.now()
        wake_at = retry.publish_again_at(now, 1)
        if once is not None and not _first_use(tx, once, now):
            return None
        mail = StoredMail(
            mail_id, message_id, now, whole, MailState.WAITING, wake_at, sender=sender
        )
        if not tx.mails.add(mail):
            return None
        tx.publish(jobs.take_mail(mail_id))
        return mail

    return ports.store.transact(add)


def _first_use(tx: Transaction, once: str, now: datetime) -> bool:
    tx.keys.hold("", _CALL, once)
    if tx.keys.get("", _CALL, once) is not None:
        return False
    tx.keys.put("", _CALL, once, StoredResponse("", {}), now)
    return True


def _with_envelope(raw: bytes, envelope: Envelope) -> bytes:
    """Write the envelope above the mail, as servers do that deliver to a mailbox."""
    lines = [f"Return-Path: <{_one_line(envelope.sender)}>"]
    lines += [f"Delivered-To: {_one_line(each)}" for each in envelope.recipients]
    return b"".join(f"{line}\r\n".encode(errors="replace") for line in lines) + raw


def _one_line(address: str) -> str:
    return "".join(address.split())


def publish_mails(ports: Ports, due: Iterable[StoredMail]) -> int:
    """Have these mails read again whose job may be lost; returns how many."""
    return sum(ports.store.transact(lambda tx, mail=mail: _publish(tx, mail)) for mail in due)  # type: ignore[misc]  # mypy cannot infer it


def _publish(tx: Transaction, mail: StoredMail) -> bool:
    if not tx.mails.woken(mail, retry.publish_again_at(tx.now(), mail.publishes + 1)):
        return False
    tx.publish(jobs.take_mail(mail.id))
    return True


def take_mail(ports: Ports, mail_id: str) -> None:
    """Read a mail that waits, and do what it says, once; what became of it is kept.

    Never raises for what the mail says. Raises Transient while the database is away: the sweep has
    it read again.
    """
    try:
        mail = ports.store.read(lambda tx: tx.mails.get(mail_id))
        if mail is not None and mail.state is MailState.WAITING:
            _take(ports, mail)
    except UnreadableHere as error:
        log.warning("mail waits for another process", mail_id=mail_id, reason=error.message)


def _take(ports: Ports, mail: StoredMail) -> None:
    """Raises Transient and UnreadableHere."""
    try:
        _carry_out(ports, mail)
    except (Transient, UnreadableHere):
        raise
    except Unreadable as error:
        _settle(ports, mail.give_up(error.message))
    except Exception as error:
        log.exception("mail failed unexpectedly", mail_id=mail.id)
        _settle(ports, mail.give_up(f"It failed ({type(error).__name__}): the log says more."))


def _carry_out(ports: Ports, mail: StoredMail) -> None:
    inbound = read_mail(mail.raw or b"")
    sender = parseaddr(ports.mail.sender)[1] if ports.mail else None
    match read_reply(inbound, sender, ports.replies.domain):
        case Ignored(reason):
            _settle(ports, mail.ignore(reason))
        case Refused(why, reason):
            _settle(ports, mail.refuse(why, reason))
        case Reply() as reply:
            answer_by_mail(ports, mail, reply, lambda: _proof(ports, mail, inbound))


def _settle(ports: Ports, mail: StoredMail) -> None:
    log.info("mail settled", mail_id=mail.id, state=mail.state.value, reason=mail.reason)
    ports.store.transact(lambda tx: settle(tx, mail))


def _proof(ports: Ports, mail: StoredMail, inbound: InboundMail) -> SenderProof:
    """Look at it outside any transaction: the DNS is asked.

    Raises Transient where that is silent and a proof is required, for a day.
    """
    replies = ports.replies
    if replies.check is SenderCheck.OFF or replies.prover is None:
        return SenderProof.NONE
    try:
        return replies.prover.prove(mail.raw or b"", inbound.senders[0].rpartition("@")[2])
    except Transient:
        waits = ports.store.read(lambda tx: tx.now()) - mail.received_at
        if replies.check is SenderCheck.REQUIRE and waits < LONGEST_WAIT:
            raise
        return SenderProof.NONE
