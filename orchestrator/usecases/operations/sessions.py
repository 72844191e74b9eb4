"""Sign in to the inbox and out again, and find out who is signed in."""

from __future__ import annotations

import structlog

from orchestrator.domain.session import Session
from orchestrator.domain.token import Token, hash_of
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.tokens import live_token

log = structlog.get_logger()


def sign_in(ports: Ports, token_secret: str, instead_of: str | None = None) -> str:
    """Begin a session with the rights of a live API token, and return the session's secret.

    The session of the secret ``instead_of``, if there is one, ends. Raises Unauthorized.
    """
    token = live_token(ports, token_secret)
    secret = ports.chance.secret()

    def begin(tx: Transaction) -> None:
        now = tx.now()
        tx.sessions.forget(now)
        if instead_of is not None:
            tx.sessions.end(hash_of(instead_of))
        tx.sessions.add(Session.begin(hash_of(secret), token.id, now))

    ports.store.transact(begin)
    log.info("signed in to the inbox", token=token.name)
    return secret


def token_of_session(ports: Ports, secret: str | None) -> Token | None:
    """The token that whoever has a session's secret signed in with; None where it has ended.

    It ends by itself, by signing out, and with its token.
    """
    if not secret:
        return None
    hashed = hash_of(secret)

    def look(tx: Transaction) -> tuple[Token | None, bool]:
        session, now = tx.sessions.by_hash(hashed), tx.now()
        if session is None or not session.is_live(now):
            return None, False
        token = tx.tokens.get(session.token_id)
        if token is None or token.revoked_at is not None:
            return None, False
        return token, session.is_to_note(now)

    token, is_to_note = ports.store.read(look)
    if is_to_note:
        ports.store.transact(lambda tx: tx.sessions.seen(hashed, tx.now()), durable=False)
    return token


def sign_out(ports: Ports, secret: str) -> None:
    """End a session, if it has not ended already."""
    ports.store.transact(lambda tx: tx.sessions.end(hash_of(secret)))
