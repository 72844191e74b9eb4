from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.session import IDLE, LONGEST, Session
from orchestrator.domain.token import Token


def begin(store: SqlStore, hashed: str, now: datetime) -> Session:
    token = Token(str(uuid4()), "desk", hashed, None, now)
    session = Session.begin(hashed, token.id, now)
    store.transact(lambda tx: (tx.tokens.add(token), tx.sessions.add(session)))
    return session


def find(store: SqlStore, hashed: str) -> Session | None:
    return store.read(lambda tx: tx.sessions.by_hash(hashed))


def test_a_session_is_found_by_its_hash_with_its_token(store: SqlStore, now: datetime) -> None:
    session = begin(store, "h", now)

    assert find(store, "h") == session
    assert find(store, "other") is None
    token = store.read(lambda tx: tx.tokens.get(session.token_id))
    assert token is not None
    assert token.hash == "h"
    assert store.read(lambda tx: tx.tokens.get(str(uuid4()))) is None


def test_its_use_is_noted_and_its_end(store: SqlStore, now: datetime) -> None:
    session, other = begin(store, "h", now), begin(store, "other", now)
    later = now + timedelta(minutes=5)

    store.transact(lambda tx: tx.sessions.seen("h", later))
    assert find(store, "h") == replace(session, seen_at=later)
    store.transact(lambda tx: tx.sessions.end("h"))

    assert find(store, "h") is None
    assert find(store, "other") == other


def test_those_that_expired_are_forgotten(store: SqlStore, now: datetime) -> None:
    begin(store, "old", now - timedelta(minutes=1))
    session = begin(store, "h", now)

    store.transact(lambda tx: tx.sessions.forget(now + LONGEST))

    assert find(store, "old") is None
    assert find(store, "h") == session


def test_those_that_are_live_are_told_from_those_that_are_not(
    store: SqlStore, now: datetime
) -> None:
    live = begin(store, "live", now)
    begin(store, "idle", now - IDLE)
    begin(store, "old", now - LONGEST)
    store.transact(lambda tx: tx.sessions.seen("old", now))
    revoked = begin(store, "revoked", now)
    store.transact(lambda tx: tx.tokens.revoke(revoked.token_id, now))
    begin(store, "not asked about", now)

    asked = ["live", "idle", "old", "revoked", "none"]
    assert store.read(lambda tx: tx.sessions.live(asked, now)) == {live.hash}
    assert store.read(lambda tx: tx.sessions.live([], now)) == frozenset()
