"""Sign in to the inbox and out again, and find out who is signed in."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from orchestrator.domain.audit import OPERATOR
from orchestrator.domain.permission import Rights
from orchestrator.domain.session import Session
from orchestrator.domain.timeline import person_actor
from orchestrator.domain.token import Token, hash_of
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.access.tokens import live_token
from orchestrator.usecases.operations.audit import note

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is signed in: as whom pages address them, who the timeline says it was, and their rights.

    ``token_id`` is that of the token with which they signed in, empty where they used none.
    """

    name: str
    actor: str
    rights: Rights
    token_id: str = ""


def sign_in(ports: Ports, token_secret: str, instead_of: str | None = None) -> str:
    """Begin a session with the rights of a live API token, and return the session's secret.

    The session of the secret ``instead_of``, if there is one, ends. Raises Unauthorized.
    """
    token = live_token(ports, token_secret)
    secret = ports.chance.secret()
    ports.store.transact(lambda tx: begin(tx, secret, instead_of, token_id=token.id))
    log.info("signed in to the inbox", token=token.name)
    return secret


def sign_in_person(ports: Ports, person: str, instead_of: str | None = None) -> str:
    """The same for somebody whose address is proven, with the rights that the deployments give."""
    secret = ports.chance.secret()
    ports.store.transact(lambda tx: begin(tx, secret, instead_of, person=person))
    log.info("signed in to the inbox", person=person)
    return secret


def begin(
    tx: Transaction,
    secret: str,
    instead_of: str | None,
    *,
    token_id: str | None = None,
    person: str | None = None,
) -> None:
    """Store a session; the one of the secret ``instead_of`` ends, and those that have expired."""
    now = tx.now()
    tx.sessions.forget(now)
    if instead_of is not None:
        tx.sessions.end(hash_of(instead_of))
    tx.sessions.add(Session.begin(hash_of(secret), token_id, now, person))


def who_is_signed_in(ports: Ports, secret: str | None) -> Principal | None:
    """Whoever has a session's secret; None where it has ended.

    It ends by itself, by signing out, and with the token with which it began.
    """
    if not secret:
        return None
    hashed = hash_of(secret)

    def look(tx: Transaction) -> tuple[Principal | None, bool]:
        session, now = tx.sessions.by_hash(hashed), tx.now()
        if session is None or not session.is_live(now):
            return None, False
        return _principal(ports, tx, session), session.is_to_note(now)

    found, is_to_note = ports.store.read(look)
    if found is not None and is_to_note:
        ports.store.transact(lambda tx: tx.sessions.seen(hashed, tx.now()), durable=False)
    return found


def _principal(ports: Ports, tx: Transaction, session: Session) -> Principal | None:
    if session.person is not None:
        person = session.person
        return Principal(person, person_actor(person), rights_of(ports, person))
    token = tx.tokens.get(session.token_id) if session.token_id else None
    if token is None or token.revoked_at is not None:
        return None
    return Principal(_name(token), token.actor, token.rights, token.id)


def _name(token: Token) -> str:
    return token.person or f"token {token.name}"


def rights_of(ports: Ports, person: str) -> Rights:
    """What the deployments give to the person of that address."""
    declared = map(ports.deployments.get, ports.deployments.names())
    given = {each.name: permission for each in declared if (permission := each.grants.of(person))}
    return Rights(by_deployment=given, person=person, by_address=True)


def sign_out(ports: Ports, secret: str) -> None:
    """End a session, if it has not ended already."""
    ports.store.transact(lambda tx: tx.sessions.end(hash_of(secret)))


def sign_out_everywhere(ports: Ports, person: str, actor: str = OPERATOR) -> int:
    """End all sessions that a person began without a token; returns how many."""

    def end(tx: Transaction) -> int:
        ended = tx.sessions.end_all(person)
        note(ports, tx, actor, "session.end", person, None, sessions=ended)
        return ended

    return ports.store.transact(end)
