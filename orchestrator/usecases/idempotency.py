"""Do a call once, however often it is sent: idempotency keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.canonical import JsonObject
from orchestrator.errors import KeyReused
from orchestrator.ports import Ports, StoredResponse, Transaction


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """An idempotency key as a client gave it, and the digest of the body that came with it."""

    text: str
    body_digest: str


def idempotent(
    ports: Ports,
    tx: Transaction,
    scope: tuple[str, str],
    key: IdempotencyKey | None,
    call: Callable[[], JsonObject],
) -> JsonObject:
    """Return what the call answers, or what it answered when the key was first used.

    ``scope`` are the deployment and the name of the call. Only an answer is kept: a call that
    raises leaves the key unused. A call with the same key that is under way is waited for, so that
    whichever comes second is told what the first was. Raises KeyReused when the body is another
    one.
    """
    if key is None:
        return call()
    tx.keys.hold(*scope, key.text)
    kept = tx.keys.get(*scope, key.text)
    if kept is None:
        response = call()
        tx.keys.put(*scope, key.text, StoredResponse(key.body_digest, response), ports.clock.now())
        return response
    if kept.body_digest != key.body_digest:
        raise KeyReused(key.text)
    return kept.response
