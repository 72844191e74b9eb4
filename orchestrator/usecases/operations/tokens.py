"""Make, check and revoke API tokens."""

from __future__ import annotations

import hmac

from orchestrator.domain.token import Token, hash_of
from orchestrator.errors import NotFound, Unauthorized
from orchestrator.ports import Ports


def create_token(
    ports: Ports, name: str, deployment: str | None = None, secret: str | None = None
) -> tuple[Token, str]:
    """Store a token for one deployment or (None) for all; returns it with its secret.

    The secret is made unless it is given, and cannot be had again. Raises UnknownDeployment.
    """
    if deployment is not None:
        ports.deployments.get(deployment)
    text = secret or ports.chance.secret()
    token = Token(ports.ids.new(), name, hash_of(text), deployment, ports.clock.now())
    ports.store.transact(lambda tx: tx.tokens.add(token))
    return token, text


def list_tokens(ports: Ports) -> tuple[Token, ...]:
    """Every token, oldest first, those that ended among them."""
    return ports.store.read(lambda tx: tx.tokens.all())


def revoke_token(ports: Ports, token_id: str) -> None:
    """End a token. Raises NotFound when no live one has that id."""
    now = ports.clock.now()
    if not ports.store.transact(lambda tx: tx.tokens.revoke(token_id, now)):
        raise NotFound(f"No live token has the id {token_id!r}")


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

    Returns the secret that was made, for the operator to see this once.
    """
    if given is not None:
        create_token(ports, "bootstrap", secret=given)
    elif not ports.store.read(lambda tx: tx.tokens.all()):
        return create_token(ports, "bootstrap")[1]
    return None


def authenticate(ports: Ports, secret: str | None, deployment: str | None) -> Token:
    """Return the live token with that secret, if it is valid for the deployment.

    ``deployment`` None asks for a token of all deployments. Raises Unauthorized.
    """
    token = live_token(ports, secret)
    if token.deployment not in (None, deployment):
        raise Unauthorized
    return token
