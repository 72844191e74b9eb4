"""Answer a review by a reply to the mail that asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from orchestrator.domain.inbound_mail import StoredMail, WhyRefused
from orchestrator.domain.mail_reply import Decision, Reply, SenderProof, decision_of
from orchestrator.domain.person import address_of
from orchestrator.domain.recipient import REPLIES_COUNT_FOR, Recipient
from orchestrator.domain.review import Review
from orchestrator.domain.timeline import person_actor
from orchestrator.domain.token import hash_of
from orchestrator.errors import (
    AlreadyAnswered,
    NotPending,
    OrchestratorError,
    Transient,
    UnreadableHere,
)
from orchestrator.ports import Ports, SenderCheck, Transaction
from orchestrator.usecases.executions.locked_execution import lock_execution
from orchestrator.usecases.intake.mails import settle
from orchestrator.usecases.reviews.find import recipient_of
from orchestrator.usecases.reviews.notices import explain
from orchestrator.usecases.reviews.respond import respond_with
from orchestrator.wire.notices import Notice
from orchestrator.wire.requests import RespondBody

log = structlog.get_logger()

CHANNEL = "mail"

MOST_EXPLANATIONS = 3
"""Mails an hour that explain to one address why nothing was decided: no two servers that answer
each other go on for ever."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a reply turned out to be about."""

    mail: StoredMail
    reply: Reply
    recipient: Recipient
    review: Review


@dataclass(frozen=True, slots=True)
class _Objection:
    """Why nothing is decided; ``notice`` is what the mail is called that explains it."""

    why: WhyRefused
    reason: str
    notice: Notice = Notice.REFUSED


def answer_by_mail(
    ports: Ports, mail: StoredMail, reply: Reply, prove: Callable[[], SenderProof]
) -> None:
    """Take the decision, and keep what became of the mail.

    Only the person whom the mail with this token went to decides; what is refused is explained to
    that person, never to whoever else wrote. ``prove`` takes its time, and is not asked of
    strangers. Raises Transient.
    """
    asked, now = ports.store.read(lambda tx: (_asked(tx, mail, reply), tx.now()))
    if asked is None:
        said = "Nobody was asked by the mail that it answers."
        refused = mail.refuse(WhyRefused.NOT_ASKED, said)
        ports.store.transact(lambda tx: settle(tx, refused))
        return
    objection = _sender_objection(ports, asked, prove) or _decide(ports, asked, now)
    if objection is not None:
        _refuse(ports, asked, objection)
        return
    log.info("review answered by mail", mail_id=mail.id, review_id=asked.review.id)
    ports.crash_point("after-mail-answer")
    ports.store.transact(lambda tx: settle(tx, asked.mail.take()))


def _asked(tx: Transaction, mail: StoredMail, reply: Reply) -> _Asked | None:
    recipient = recipient_of(tx, reply.token)
    if recipient is not None and mail.received_at < recipient.created_at:
        recipient = tx.recipients.by_token(hash_of(reply.token))  # asked anew since it came
    if recipient is None:
        return None
    review = tx.reviews.get([recipient.review_id]).get(recipient.review_id)
    if review is None:
        return None
    about = mail.about(review.deployment, review.execution_id, review.id)
    return _Asked(about, reply, recipient, review)


def _again(ports: Ports, asked: _Asked) -> _Asked:
    """What it is about, as that stands by now."""
    return ports.store.read(lambda tx: _asked(tx, asked.mail, asked.reply)) or asked


def _sender_objection(
    ports: Ports, asked: _Asked, prove: Callable[[], SenderProof]
) -> _Objection | None:
    if asked.reply.sender != address_of(asked.recipient.address):
        return _Objection(
            WhyRefused.OTHER_SENDER,
            f"A reply from {asked.reply.sender} was not taken: this review was put to "
            f"{asked.recipient.address}, who may hand it on.",
        )
    if ports.replies.check is SenderCheck.OFF or (proof := prove()) is SenderProof.PASSED:
        return None
    if ports.replies.check is SenderCheck.REQUIRE:
        said = "Nothing proves that the reply comes from its sender's domain."
        return _Objection(WhyRefused.UNPROVEN, said)
    log.warning("mail without proof of its sender", mail_id=asked.mail.id, proof=proof.value)
    return None


def _decide(ports: Ports, asked: _Asked, now: datetime) -> _Objection | None:
    if not asked.reply.text:
        said = "The reply says nothing above what it quotes."
        return _Objection(WhyRefused.EMPTY, said)
    decision = decision_of(asked.reply.text, asked.review.question)
    if _was_taken(asked, decision):
        return None
    try:
        late = _lateness(asked, now)
        if late is None:
            _respond(ports, asked, decision)
    except (Transient, UnreadableHere):
        raise
    except (AlreadyAnswered, NotPending) as error:
        if _was_taken(_again(ports, asked), decision):
            return None
        return _Objection(WhyRefused.CLOSED, error.message, Notice.CLOSED)
    except OrchestratorError as error:
        return _Objection(WhyRefused.NO_ANSWER, error.message)
    return late


def _lateness(asked: _Asked, now: datetime) -> _Objection | None:
    """Why nobody waits for the reply any more; None where somebody does."""
    review, recipient = asked.review, asked.recipient
    if not review.is_open:
        return _Objection(WhyRefused.CLOSED, review.summary(), Notice.CLOSED)
    if not recipient.is_asked:
        state = recipient.state.lower()
        said = f"Nothing waits for {recipient.address} any more ({state})."
        return _Objection(WhyRefused.CLOSED, said, Notice.CLOSED)
    if not recipient.may_reply(now, review.expires_at):
        days = REPLIES_COUNT_FOR.days
        said = f"Replies count for {days} days, or until the review's deadline where that is later."
        return _Objection(WhyRefused.TOO_OLD, said)
    return None


def _was_taken(asked: _Asked, decision: Decision) -> bool:
    """Whether it was this very answer that counted.

    A crash kept that from being noted, or another worker has the same mail at this moment.
    """
    review, recipient = asked.review, asked.recipient
    is_theirs = review.reviewer == recipient.address and not review.is_unanswered
    return (is_theirs and _says(review, decision)) or (
        not recipient.is_asked and _says(recipient, decision)
    )


def _says(kept: Review | Recipient, decision: Decision) -> bool:
    """Whether it came by mail, with these words and with the verdict or option, if it has one."""
    return (
        (kept.channel, kept.words) == (CHANNEL, decision.words)
        and decision.approved in (None, kept.approved)
        and decision.outcome in (None, kept.outcome)
    )


def _respond(ports: Ports, asked: _Asked, decision: Decision) -> None:
    respond_with(ports, asked.reply.token, _body(decision), CHANNEL)


def _body(decision: Decision) -> RespondBody:
    said: dict[str, Any] = {"human_feedback": decision.words}
    if decision.approved is not None:
        said["is_approve"] = decision.approved
    if decision.outcome is not None:
        said["outcome"] = decision.outcome
    return RespondBody.model_validate(said)


def _refuse(ports: Ports, asked: _Asked, objection: _Objection) -> None:
    """Keep that it was refused, and say so to the person who was asked: in one transaction.

    After the purge of its execution none would take the mail away with it, nor what it is told.
    """

    def write(tx: Transaction) -> None:
        to = asked.recipient.address
        locked = lock_execution(ports, tx, asked.review.execution_id, person_actor(to))
        is_purged = locked.execution.purged_at is not None
        mail = asked.mail.about_nothing() if is_purged else asked.mail
        may_tell = ports.mail is not None and not is_purged
        tells = may_tell and tx.mails.told(to, tx.now() - _HOUR) < MOST_EXPLANATIONS
        refused = mail.refuse(objection.why, objection.reason, to if tells else None)
        if settle(tx, refused) and tells:
            explain(locked, asked.review, asked.recipient, objection.notice, objection.reason)
            locked.close()

    ports.store.transact(write)
