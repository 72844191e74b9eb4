from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.token import Token, hash_of


def add(store: SqlStore, secret: str, at: datetime) -> Token:
    token = Token(str(uuid4()), "alice", hash_of(secret), "newsroom", at)
    store.transact(lambda tx: tx.tokens.add(token))
    return token


def test_a_token_is_found_by_the_hash_of_its_secret(store: SqlStore, now: datetime) -> None:
    token = add(store, "s", now)

    assert store.read(lambda tx: tx.tokens.by_hash(hash_of("s"))) == token
    assert store.read(lambda tx: tx.tokens.by_hash(hash_of("t"))) is None


def test_a_secret_belongs_to_one_token(store: SqlStore, now: datetime) -> None:
    first = add(store, "s", now)
    add(store, "s", now)

    assert store.read(lambda tx: tx.tokens.all()) == (first,)


def test_tokens_are_listed_oldest_first(store: SqlStore, now: datetime) -> None:
    newer, older = add(store, "n", now), add(store, "o", now - timedelta(days=1))

    assert store.read(lambda tx: tx.tokens.all()) == (older, newer)


def test_a_token_is_revoked_once(store: SqlStore, now: datetime) -> None:
    token = add(store, "s", now)

    assert store.transact(lambda tx: tx.tokens.revoke(token.id, now))
    assert not store.transact(lambda tx: tx.tokens.revoke(token.id, now))

    revoked = store.read(lambda tx: tx.tokens.by_hash(token.hash))
    assert revoked
    assert revoked.revoked_at == now
