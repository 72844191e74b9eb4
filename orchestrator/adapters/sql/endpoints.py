"""The receivers of webhooks in SQL, encrypted."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from orchestrator.adapters.sql.cipher import Cipher
from orchestrator.adapters.sql.rows import insert_new
from orchestrator.adapters.sql.schema import endpoints
from orchestrator.domain.canonical import decode, encode
from orchestrator.domain.delivery import Authentication, Endpoint


class SqlEndpoints:
    """Keeps ``ports.Endpoints``."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def ensure(
        self, deployment: str, url: str, authentication: Authentication | None, at: datetime
    ) -> str:
        """Return the id of this endpoint; insert it on first use."""
        credentials = asdict(authentication) if authentication else None
        endpoint_id = self._cipher.name(encode([deployment, url, credentials]))
        row = {
            "id": endpoint_id,
            "deployment": deployment,
            "url": self._encrypt(url),
            "authentication": self._encrypt(credentials) if credentials else None,
            "created_at": at,
        }
        insert_new(self._connection, endpoints, row, ["id"])
        return endpoint_id

    def get(self, endpoint_id: str) -> Endpoint | None:
        """Read and decrypt. Raises ValueError when its secret key was taken away."""
        query = select(endpoints).where(endpoints.c.id == endpoint_id)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        credentials = self._decrypt(row.authentication) if row.authentication else None
        authentication = Authentication(**credentials) if credentials else None
        url = self._decrypt(row.url)
        return Endpoint(row.id, row.deployment, url, authentication, row.created_at)

    def _encrypt(self, value: str | dict[str, str]) -> bytes:
        return self._cipher.encrypt(encode(value))

    def _decrypt(self, encrypted: bytes) -> Any:
        return decode(self._cipher.decrypt(encrypted))
