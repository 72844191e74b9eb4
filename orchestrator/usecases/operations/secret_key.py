"""Notice a secret key that was lost or mistyped: what it encrypted cannot be read."""

from __future__ import annotations

import structlog

from orchestrator.ports import Ports
from orchestrator.usecases.outage import log_failure

log = structlog.get_logger()

LOOKED_AT = 500
"""How many of the newest and of the oldest rows of each kind are tried."""

MEND = (
    "Put the key that wrote them back: in ORCHESTRATOR_SECRET_KEY, after the present one and a "
    "comma, or as secret_key in the data folder; then restart every process"
)


def undecryptable(ports: Ports) -> int:
    """How many rows of those looked at cannot be decrypted with the present keys."""
    return ports.store.read(lambda tx: tx.secrets.keys_in_use(LOOKED_AT)).get(None, 0)


def sealed_warning(ports: Ports) -> str | None:
    """What a service says at its start, None where nothing is wrong; it starts all the same."""
    try:
        count = undecryptable(ports)
    except Exception as error:  # noqa: BLE001 - logged
        log_failure(log, "the secret key could not be checked", error)
        return None
    if not count:
        return None
    log.error("wrong secret key", undecryptable=count, mend=MEND)
    return f"{cannot_be_decrypted(count)}. {MEND}."


def cannot_be_decrypted(count: int) -> str:
    """How much is encrypted with a key that is not here, as the beginning of a sentence."""
    return f"{count} encrypted rows cannot be decrypted"
