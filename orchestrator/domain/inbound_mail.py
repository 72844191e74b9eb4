"""A mail as it is kept: what came in, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from orchestrator.domain.machine import Machine, Transition

LARGEST_MAIL = 2 * 1024 * 1024
"""Bytes. An answer is text; what is larger carries attachments, which nobody reads."""


class MailState(StrEnum):
    """What became of a mail."""

    WAITING = "WAITING"
    """It is stored, and nobody has read it yet."""
    TAKEN = "TAKEN"
    """It answered a review."""
    IGNORED = "IGNORED"
    """No person wrote it."""
    REFUSED = "REFUSED"
    """It decides nothing: the reason says why."""
    UNREADABLE = "UNREADABLE"
    """It could not be read, or what came of it was not foreseen: it is kept, for people."""


class WhyRefused(StrEnum):
    """Why a mail decides nothing, in a word; the reason says it in a sentence."""

    NO_REPLY_ADDRESS = "no_reply_address"
    """None of its recipients is an address that replies go to."""
    SEVERAL_REVIEWS = "several_reviews"
    NO_SENDER = "no_sender"
    """Its From is not one address."""
    NOT_ASKED = "not_asked"
    """Nobody was asked by the mail that it answers."""
    OTHER_SENDER = "other_sender"
    """Somebody else was asked than who replied."""
    UNPROVEN = "unproven"
    """Nothing proves that it comes from its sender's domain."""
    EMPTY = "empty"
    """It says nothing above what it quotes."""
    CLOSED = "closed"
    """Nobody waits for it any more."""
    TOO_OLD = "too_old"
    """The mail that it answers is."""
    NO_ANSWER = "no_answer"
    """What it says cannot be an answer to this review."""


_WAITING = (MailState.WAITING,)

INBOUND_MAIL = Machine(
    "inbound mail",
    MailState.WAITING,
    (
        Transition("take", _WAITING, MailState.TAKEN, "it answered a review"),
        Transition("ignore", _WAITING, MailState.IGNORED, "no person wrote it"),
        Transition("refuse", _WAITING, MailState.REFUSED, "it decides nothing"),
        Transition("give_up", _WAITING, MailState.UNREADABLE, "it could not be read"),
    ),
)


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail that came in.

    ``message_id`` is its own, or a digest where it has none: the same mail is kept once. ``raw`` is
    it as it came; None where it was purged, and in lists. ``told`` is the address that a mail went
    to which explains why nothing was decided. ``publishes`` counts the jobs that were sent for it.
    ``sender`` is what its From says, which nothing has proven; None where that is no address.
    ``why`` sorts the reasons of those that were refused.
    """

    id: str
    message_id: str
    received_at: datetime
    raw: bytes | None
    state: MailState
    wake_at: datetime
    publishes: int = 1
    reason: str | None = None
    deployment: str | None = None
    execution_id: str | None = None
    review_id: str | None = None
    told: str | None = None
    sender: str | None = None
    why: WhyRefused | None = None

    @property
    def created_at(self) -> datetime:
        """Its place in lists."""
        return self.received_at

    def about(self, deployment: str, execution_id: str, review_id: str) -> StoredMail:
        """It turned out which review it is about."""
        return replace(self, deployment=deployment, execution_id=execution_id, review_id=review_id)

    def about_nothing(self) -> StoredMail:
        """What it is about is purged: it is deleted by itself, once it is old enough."""
        return replace(self, deployment=None, execution_id=None, review_id=None)

    def take(self) -> StoredMail:
        """It answered its review."""
        return self._settled("take", None)

    def ignore(self, reason: str) -> StoredMail:
        """No person wrote it."""
        return self._settled("ignore", reason)

    def refuse(self, why: WhyRefused, reason: str, told: str | None = None) -> StoredMail:
        """It decides nothing; ``told`` is who gets to know."""
        return replace(self._settled("refuse", reason), why=why, told=told)

    def give_up(self, reason: str) -> StoredMail:
        """It could not be read."""
        return self._settled("give_up", reason)

    def _settled(self, transition: str, reason: str | None) -> StoredMail:
        return replace(self, state=INBOUND_MAIL.follow(transition, self.state), reason=reason)
