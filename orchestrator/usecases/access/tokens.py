"""Make, check and revoke API tokens."""

from __future__ import annotations

import hmac

import structlog

from orchestrator.domain.audit import OPERATOR
from orchestrator.domain.permission import Permission
from orchestrator.domain.token import Token, hash_of
from orchestrator.errors import NotFound, Unauthorized
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.audit import note

log = structlog.get_logger()


def create_token(
    ports: Ports,
    name: str,
    deployment: str | None = None,
    actor: str = OPERATOR,
    person: str | None = None,
    permission: Permission = Permission.MANAGE,
) -> tuple[Token, str]:
    """Store a token for one deployment or (None) for all; returns it with its secret.

    ``person`` is the address of the one whose own it is, None where it is nobody's. The secret
    cannot be had again. Raises UnknownDeployment.
    """
    if deployment is not None:
        ports.deployments.get(deployment)
    secret = ports.chance.secret()
    now = ports.clock.now()
    token = Token(
        ports.ids.new(),
        name,
        hash_of(secret),
        deployment,
        now,
        person=person,
        permission=permission,
    )
    ports.store.transact(lambda tx: _add(ports, tx, token, actor))
    return token, secret


def _add(ports: Ports, tx: Transaction, token: Token, actor: str) -> None:
    if tx.tokens.add(token):
        note(
            ports,
            tx,
            actor,
            "token.create",
            token.id,
            token.deployment,
            name=token.name,
            person=token.person,
            permission=token.permission.value,
        )


def list_tokens(ports: Ports) -> tuple[Token, ...]:
    """Every token, oldest first, those that ended among them."""
    return ports.store.read(lambda tx: tx.tokens.all())


def revoke_token(ports: Ports, token_id: str, actor: str = OPERATOR) -> None:
    """End a token. Raises NotFound when no live one has that id."""

    def decide(tx: Transaction) -> bool:
        found = [token for token in tx.tokens.all() if token.id == token_id]
        return any(_revoke(ports, tx, token, actor) for token in found)

    if not ports.store.transact(decide):
        raise NotFound(f"No live token has the id {token_id!r}")


def _revoke(ports: Ports, tx: Transaction, token: Token, actor: str) -> bool:
    """False, and nothing done, where it has ended already."""
    if not tx.tokens.revoke(token.id, ports.clock.now()):
        return False
    note(ports, tx, actor, "token.revoke", token.id, token.deployment, name=token.name)
    return True


def live_token(ports: Ports, secret: str | None) -> Token:
    """Return the live token with that secret, whatever it is valid for.

    Raises Unauthorized, which does not say what was wrong.
    """
    if not secret:
        raise Unauthorized
    hashed = hash_of(secret)
    token = ports.store.read(lambda tx: tx.tokens.by_hash(hashed))
    if token is None or not hmac.compare_digest(token.hash, hashed):
        raise Unauthorized
    if token.revoked_at is not None:
        raise Unauthorized
    return token


def ensure_first_token(ports: Ports, given: str | None) -> str | None:
    """See to it that somebody can call: store the given secret, or make one where there is none.

    The given one takes the place of those that this function stored before: they are revoked.
    Returns the secret that was made, for the operator to see this once.
    """
    if given is not None:
        ports.store.transact(lambda tx: _replace_bootstrap(ports, tx, given))
    elif not ports.store.read(lambda tx: tx.tokens.all()):
        made = ports.chance.secret()
        ports.store.transact(lambda tx: _add(ports, tx, _bootstrap(ports, made), OPERATOR))
        return made
    return None


def _replace_bootstrap(ports: Ports, tx: Transaction, given: str) -> None:
    """A token that was revoked stays so: a process with old settings must not bring it back."""
    token = _bootstrap(ports, given)
    stored = tx.tokens.by_hash(token.hash)
    if stored is not None and stored.revoked_at is not None:
        log.error("ORCHESTRATOR_API_TOKEN is a token that was revoked: give another one")
        return
    _add(ports, tx, token, OPERATOR)
    for other in tx.tokens.all():
        if other.bootstrap and other.hash != token.hash:
            _revoke(ports, tx, other, OPERATOR)


def _bootstrap(ports: Ports, secret: str) -> Token:
    now = ports.clock.now()
    return Token(ports.ids.new(), "bootstrap", hash_of(secret), None, now, bootstrap=True)
