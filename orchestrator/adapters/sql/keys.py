"""The idempotency keys in SQL."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import BigInteger, Connection, func, literal, select

from orchestrator.adapters.sql.rows import Rows, insert_new, values_of
from orchestrator.adapters.sql.schema import idempotency_keys
from orchestrator.domain.canonical import encode
from orchestrator.errors import StaleWrite
from orchestrator.ports import StoredResponse

_c = idempotency_keys.c


class SqlKeys:
    """Keeps ``ports.Keys``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, idempotency_keys, StoredResponse)

    def hold(self, deployment: str, call: str, key: str) -> None:
        """Keep others from the key; on SQLite the whole transaction holds the database already.

        PostgreSQL has no row to lock before the key was used, but locks of numbers.
        """
        if self._connection.dialect.name == "postgresql":
            number = literal(_number(encode([deployment, call, key])), BigInteger)
            self._connection.execute(select(func.pg_advisory_xact_lock(number)))

    def get(self, deployment: str, call: str, key: str) -> StoredResponse | None:
        """What the key was used for, None if it is new."""
        query = self._rows.select()
        return self._rows.first(
            query.where(_c.deployment == deployment, _c.call == call, _c.key == key)
        )

    def put(self, deployment: str, call: str, key: str, kept: StoredResponse, at: datetime) -> None:
        """Keep an answer. Raises StaleWrite when another transaction used the key meanwhile."""
        scope = {"deployment": deployment, "call": call, "key": key}
        row = {**scope, **values_of(kept), "created_at": at}
        if not insert_new(self._connection, idempotency_keys, row, list(scope)):
            raise StaleWrite


def _number(scope: bytes) -> int:
    """A number of 64 bits that no other scope has but by chance; then one waits for the other."""
    return int.from_bytes(hashlib.sha256(scope).digest()[:8], signed=True)
