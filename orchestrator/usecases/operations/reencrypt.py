"""Encrypt anew, with the newest key, all that is encrypted: then the oldest one can be dropped.

It goes on beside a running service, in small transactions of which each writes what is still as it
was read. So it may be ended and begun again at any time, and what is done already is only looked
at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from orchestrator.domain.audit import OPERATOR
from orchestrator.ports import Ports, StoredSecrets, Transaction
from orchestrator.usecases.operations.audit import note

PASSES = 5
"""How often it goes through all: processes at work write meanwhile, with the keys they have."""


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """How many rows were written, by what they are.

    ``left`` are those that the last pass still found under another key or setting, ``sealed`` those
    that none of the keys opens.
    """

    written: Mapping[str, int]
    left: int
    sealed: int

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that needs another key than the newest."""
        return not self.left and not self.sealed


def reencrypt(
    ports: Ports, tell: Callable[[str, int], None] = lambda *_: None, actor: str = OPERATOR
) -> Reencrypted:
    """Go through all rows until a pass finds nothing to write, ``PASSES`` times at most.

    ``tell`` hears of each batch: what, and how many rows were written. What the settings have
    encrypted, or no longer have, is converted. The audit log has that it began.
    """
    ports.store.transact(partial(_begin, ports, actor))
    written: Counter[str] = Counter()
    for _ in range(PASSES):
        found, sealed = _pass(ports, written, tell)
        if not found:
            break
    return Reencrypted(written, found, sealed)


def _begin(ports: Ports, actor: str, tx: Transaction) -> None:
    tx.secrets.keep_naming_key()
    note(ports, tx, actor, "secrets.reencrypt", "secrets", None)


def _pass(ports: Ports, written: Counter[str], tell: Callable[[str, int], None]) -> tuple[int, int]:
    """Go through all once; how many were to be written, and how many no key opens."""
    found = sealed = 0
    for place in ports.store.read(lambda tx: tx.secrets.places()):
        after: str | int | None = None
        while True:
            batch = ports.store.read(partial(_look, place, after))
            if batch.last is None:
                break
            after = batch.last
            found += len(batch.rewrites)
            sealed += batch.sealed
            if batch.rewrites:
                done = ports.store.transact(partial(_write, place, batch))
                written[place] += done
                tell(place, done)
    return found, sealed


def _look(place: str, after: str | int | None, tx: Transaction) -> StoredSecrets:
    return tx.secrets.outdated(place, after)


def _write(place: str, batch: StoredSecrets, tx: Transaction) -> int:
    return tx.secrets.rewrite(place, batch.rewrites)
