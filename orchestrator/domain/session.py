"""A session: somebody who is signed in to the inbox with an API token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST = timedelta(hours=12)
"""After that one has to sign in again, whatever one does."""

IDLE = timedelta(hours=1)
"""A session that is not used for that long has ended."""

SEEN_AGAIN = timedelta(minutes=1)
"""How exactly it is known when a session was used last: looking at a page seldom writes."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored: by the hash of the secret that the browser's cookie has.

    Its rights, and whose it is, are the token's with that id, for as long as that one is live.
    """

    hash: str
    token_id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime

    @classmethod
    def begin(cls, hashed: str, token_id: str, now: datetime) -> Session:
        """Somebody signs in."""
        return cls(hashed, token_id, now, now, now + LONGEST)

    def is_live(self, now: datetime) -> bool:
        """Whether whoever has its secret is signed in, as far as time goes."""
        return now < min(self.expires_at, self.seen_at + IDLE)

    def is_to_note(self, now: datetime) -> bool:
        """Whether its use now is to be written down."""
        return now >= self.seen_at + SEEN_AGAIN
