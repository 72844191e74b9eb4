"""Signing in to the inbox: sessions, and the links in mails that begin one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain import retry

LONGEST = timedelta(hours=12)
"""After that one has to sign in again, whatever one does."""

IDLE = timedelta(hours=1)
"""A session that is not used for that long has ended."""

SEEN_AGAIN = timedelta(minutes=1)
"""How exactly it is known when a session was used last: looking at a page seldom writes."""

LINK_LIVES = timedelta(minutes=15)
"""How long a link that was asked for may be used."""

FIRST_PAUSE_OF_LINKS = timedelta(seconds=10)
"""After it a link is tried again that the mail server did not take."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored: by the hash of the secret that the browser's cookie has.

    Its rights, and whose it is, are the token's with that id, for as long as that one is live. A
    person who signed in without one is ``person``, with the rights that the deployments give.
    """

    hash: str
    token_id: str | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    person: str | None = None

    @classmethod
    def begin(
        cls, hashed: str, token_id: str | None, now: datetime, person: str | None = None
    ) -> Session:
        """Somebody signs in, with a token or as a person."""
        return cls(hashed, token_id, now, now, now + LONGEST, person)

    def is_live(self, now: datetime) -> bool:
        """Whether whoever has its secret is signed in, as far as time goes."""
        return now < min(self.expires_at, self.seen_at + IDLE)

    def is_to_note(self, now: datetime) -> bool:
        """Whether its use now is to be written down."""
        return now >= self.seen_at + SEEN_AGAIN


@dataclass(frozen=True, slots=True)
class SignInLink:
    """A link that the person of that address asked for, and that works once.

    ``leads_to`` is the path of the page that they wanted to see. ``hash`` is that of the secret in
    the link; None until a worker has written the mail. ``wake_at`` is when a job for it is
    published again; None once its mail was taken.
    """

    id: str
    address: str
    leads_to: str
    created_at: datetime
    expires_at: datetime
    hash: str | None = None
    sent_at: datetime | None = None
    used_at: datetime | None = None
    wake_at: datetime | None = None

    @classmethod
    def ask(cls, id_: str, address: str, leads_to: str, now: datetime) -> SignInLink:
        """Somebody who has to prove that the address is theirs."""
        wake_at = now + retry.FIRST_PUBLISH_AGAIN
        return cls(id_, address, leads_to, now, now + LINK_LIVES, wake_at=wake_at)

    def is_live(self, now: datetime) -> bool:
        """Whether whoever has its secret may sign in."""
        return self.used_at is None and now < self.expires_at

    def publish_again_at(self, now: datetime) -> datetime:
        """When its job counts as lost that is published, or begins, now; the pauses double."""
        return now + max(retry.FIRST_PUBLISH_AGAIN, now - self.created_at)

    def try_again_at(self, now: datetime) -> datetime:
        """The same where the mail server has just not taken it."""
        return now + max(FIRST_PAUSE_OF_LINKS, now - self.created_at)
