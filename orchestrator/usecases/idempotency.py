"""Do a call once, however often it is sent: idempotency keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.canonical import JsonObject
from orchestrator.errors import Invalid, KeyReused
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
    kept = _kept(tx, scope, key)
    if kept is None:
        kept = call()
        tx.keys.put(*scope, key.text, StoredResponse(key.body_digest, kept), ports.clock.now())
    return kept


def vetted_once(
    ports: Ports,
    scope: tuple[str, str],
    key: IdempotencyKey | None,
    vet: Callable[[], None],
    call: Callable[[Transaction], JsonObject],
) -> JsonObject:
    """The same in a transaction of its own, once ``vet`` lets the call pass, or raises Invalid.

    One that was answered before is answered alike, whatever ``vet`` says by now: its client never
    heard the answer, and would take it for refused.
    """
    try:
        vet()
    except Invalid:
        kept = ports.store.read(lambda tx: _kept(tx, scope, key)) if key else None
        if kept is None:
            raise
        return kept
    return ports.store.transact(lambda tx: idempotent(ports, tx, scope, key, lambda: call(tx)))


def _kept(tx: Transaction, scope: tuple[str, str], key: IdempotencyKey) -> JsonObject | None:
    """Raises KeyReused."""
    kept = tx.keys.get(*scope, key.text)
    if kept is not None and kept.body_digest != key.body_digest:
        raise KeyReused(key.text)
    return None if kept is None else kept.response
