"""Who may call: tokens and sessions; and what a caller was answered before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.domain.canonical import JsonObject
from orchestrator.domain.session import Session, SignInLink
from orchestrator.domain.token import Token


class Tokens(Protocol):
    """The API tokens, in one transaction."""

    def add(self, token: Token) -> bool:
        """Insert; False, and nothing done, where there is one with the same hash."""
        ...

    def by_hash(self, hashed: str) -> Token | None:
        """The token whose secret has this hash."""
        ...

    def get(self, token_id: str) -> Token | None:
        """Read."""
        ...

    def all(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        ...

    def live(self, token_ids: Collection[str]) -> frozenset[str]:
        """Those of these ids whose tokens have not ended."""
        ...

    def revoke(self, token_id: str, at: datetime) -> bool:
        """End a token; False when there is no live one with that id."""
        ...


class Sessions(Protocol):
    """Who is signed in to the inbox, in one transaction."""

    def add(self, session: Session) -> None:
        """Insert."""
        ...

    def by_hash(self, hashed: str) -> Session | None:
        """The session whose secret has this hash."""
        ...

    def live(self, hashes: Collection[str], now: datetime) -> frozenset[str]:
        """Those of these hashes whose sessions have not ended, nor their tokens."""
        ...

    def seen(self, hashed: str, at: datetime) -> None:
        """Note that it is in use."""
        ...

    def end(self, hashed: str) -> None:
        """Take it away, if it is there."""
        ...

    def end_all(self, person: str) -> int:
        """Take away all that a person began without a token; returns how many."""
        ...

    def forget(self, expired_before: datetime) -> None:
        """Take away all that had expired by then."""
        ...


class SignInLinks(Protocol):
    """The links by which people sign in to the inbox, in one transaction."""

    def add(self, link: SignInLink) -> None:
        """Insert."""
        ...

    def get(self, link_id: str) -> SignInLink | None:
        """Read."""
        ...

    def by_hash(self, hashed: str) -> SignInLink | None:
        """The link whose secret has this hash."""
        ...

    def live(self, now: datetime, address: str | None = None) -> int:
        """How many have not expired: of that address, or of all."""
        ...

    def write(self, link_id: str, hashed: str, wake_at: datetime) -> None:
        """Its mail is being written with the secret of this hash; an earlier one is void."""
        ...

    def to_wake(self, now: datetime, limit: int) -> tuple[SignInLink, ...]:
        """Those that may still be used and whose mail was not taken, nor their job lately."""
        ...

    def woken(self, link: SignInLink, wake_at: datetime) -> bool:
        """Note when its job is published again; False where somebody else just did so."""
        ...

    def sent(self, link_id: str, at: datetime) -> None:
        """Its mail was taken."""
        ...

    def use(self, hashed: str, now: datetime) -> bool:
        """Use it up; False where it was used, has expired, or is none."""
        ...

    def end(self, link_id: str) -> None:
        """Take it away."""
        ...

    def forget(self, expired_before: datetime) -> None:
        """Take away all that had expired by then."""
        ...


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What a call with an idempotency key was answered, and the digest of its body."""

    body_digest: str
    response: JsonObject


class Keys(Protocol):
    """The idempotency keys, in one transaction."""

    def hold(self, deployment: str, call: str, key: str) -> None:
        """Wait for whoever uses the key, then keep others from it until the transaction ends.

        The first thing that a transaction does: what it reads next is as the last user left it.
        """
        ...

    def get(self, deployment: str, call: str, key: str) -> StoredResponse | None:
        """What the key was used for, None if it is new."""
        ...

    def put(self, deployment: str, call: str, key: str, kept: StoredResponse, at: datetime) -> None:
        """Keep an answer. Raises StaleWrite when another transaction used the key meanwhile."""
        ...
