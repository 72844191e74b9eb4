"""Mails that come in: whether they come from where they say, and their rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from orchestrator.domain.inbound_mail import MailState, StoredMail, WhyRefused
from orchestrator.domain.mail_reply import SenderProof
from orchestrator.ports.sending import Fetcher
from orchestrator.ports.work import Position


class SenderProver(Protocol):
    """Looks whether a mail comes from the domain of its From."""

    def prove(self, raw: bytes, domain: str) -> SenderProof:
        """Say so. May ask the DNS; raises Transient while that does not answer."""
        ...


class SenderCheck(StrEnum):
    """What is asked of a reply's proof that it comes from where it says."""

    OFF = "off"
    """Nothing: nobody looks."""
    WARN = "warn"
    """It is logged where there is none."""
    REQUIRE = "require"
    """Without it, nothing is decided."""


@dataclass(frozen=True, slots=True)
class Replies:
    """How replies by mail are taken. Without a ``prover`` nothing is proven.

    ``mailgun_key`` is what Mailgun signs with, ``ses_topic`` the topic to which Amazon SES
    publishes; None where they post no mails. ``fetcher`` gets what SNS signs with.
    ``domain`` is that of the addresses that replies go to; without it they are not taken.
    """

    check: SenderCheck = SenderCheck.OFF
    prover: SenderProver | None = None
    mailgun_key: str | None = field(default=None, repr=False)
    ses_topic: str | None = None
    fetcher: Fetcher | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class MailFilter:
    """Which mails are meant; what is None does not matter.

    ``sender`` is what their From says.
    """

    deployments: Collection[str] | None = None
    state: MailState | None = None
    sender: str | None = None
    review_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReadMailbox:
    """A mailbox that mails are fetched from: when it was looked at last, and when it could be read.

    ``error`` says what was in the way when it was looked at last.
    """

    name: str
    at: datetime
    read_at: datetime | None
    error: str | None


class Mails(Protocol):
    """The mails that came in, in one transaction. What they say is kept encrypted.

    What gives several at a time gives them without ``raw``.
    """

    def add(self, mail: StoredMail) -> bool:
        """Insert; False, and nothing done, where one with its message id came before."""
        ...

    def get(self, mail_id: str) -> StoredMail | None:
        """Read and decrypt.

        Raises Sealed where its secret key was taken away, Unreadable for what is damaged.
        """
        ...

    def settle(self, mail: StoredMail) -> bool:
        """Write what became of one that waits; False, and nothing done, where it no longer does."""
        ...

    def to_wake(self, now: datetime, limit: int) -> tuple[StoredMail, ...]:
        """Those that wait and whose job was not published, or too long ago."""
        ...

    def woken(self, mail: StoredMail, wake_at: datetime) -> bool:
        """Note that its job is being published again; False where somebody else just did so."""
        ...

    def page(
        self, wanted: MailFilter, after: Position | None, limit: int
    ) -> tuple[StoredMail, ...]:
        """Some of the mails that are meant, newest first."""
        ...

    def unread(self) -> tuple[int, datetime | None]:
        """How many wait to be read, and when the one came that has waited for longest."""
        ...

    def refused(self, since: datetime) -> Mapping[WhyRefused, int]:
        """How many that came since then were refused, by why."""
        ...

    def looked_at(self, mailbox: str, error: str | None) -> None:
        """Note, by the database's clock, that a mailbox was read, or what was in the way."""
        ...

    def mailboxes(self) -> tuple[ReadMailbox, ...]:
        """Those that were looked at in the last week."""
        ...

    def told(self, address: str, since: datetime) -> int:
        """How many mails since then were answered by one that explains, to that address."""
        ...

    def purge(self, execution_id: str) -> None:
        """Take away what the mails said that answered an execution's reviews."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Delete mails that came before then and belong to no execution; returns how many."""
        ...
