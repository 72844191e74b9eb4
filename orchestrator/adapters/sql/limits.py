"""How long PostgreSQL is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TO_SAY_SO = 2.0
"""Seconds that the server has to say itself that a statement took too long."""

PROBES = 3
"""Probes of an idle connection without an answer, after which it is given up."""

IDLE = 4
"""How many times the limit of a statement a transaction may rest between two of them."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Seconds: to connect, for a statement, for a lock that others hold, for a free connection."""

    connect: float = 5.0
    statement: float = 15.0
    lock: float = 5.0
    pool: float = 5.0

    @property
    def silence(self) -> float:
        """Seconds after which a connection on which no answer comes is given up."""
        return self.statement + TO_SAY_SO

    def connect_args(self) -> dict[str, Any]:
        """What libpq is told: to see by itself that a machine is gone."""
        seconds = max(1, round(self.statement / PROBES))
        return {
            "connect_timeout": max(
                2, round(self.connect)
            ),  # libpq knows whole seconds, from two on
            "keepalives_idle": seconds,
            "keepalives_interval": max(1, round(seconds / PROBES)),
            "keepalives_count": PROBES,
            "tcp_user_timeout": round(self.statement * 1000),
        }

    def settings(self) -> dict[str, int]:
        """What the server is told, in milliseconds: to end what takes too long."""
        return {
            "statement_timeout": round(self.statement * 1000),
            "lock_timeout": round(self.lock * 1000),
            "idle_in_transaction_session_timeout": round(self.statement * 1000 * IDLE),
        }
