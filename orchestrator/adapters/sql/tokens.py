"""The API tokens in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import Rows, insert_new, selecting, values_of
from orchestrator.adapters.sql.schema import tokens
from orchestrator.domain.token import Token


class SqlTokens:
    """Keeps ``ports.Tokens``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, tokens, Token)

    def add(self, token: Token) -> bool:
        """Insert; False, and nothing done, where there is one with the same hash."""
        return insert_new(self._connection, tokens, values_of(token), ["hash"])

    def by_hash(self, hashed: str) -> Token | None:
        """The token whose secret has this hash."""
        return self._rows.first(_BY_HASH, {"hash": hashed})

    def get(self, token_id: str) -> Token | None:
        """Read."""
        return self._rows.by_id(token_id)

    def all(self) -> tuple[Token, ...]:
        """Every token, oldest first."""
        return self._rows.all(self._rows.select().order_by(tokens.c.created_at, tokens.c.id))

    def live(self, token_ids: Collection[str]) -> frozenset[str]:
        """Those of these ids whose tokens have not ended."""
        live = select(tokens.c.id).where(tokens.c.id.in_(token_ids), tokens.c.revoked_at.is_(None))
        return frozenset(self._connection.execute(live).scalars())

    def revoke(self, token_id: str, at: datetime) -> bool:
        """End a token; False when there is no live one with that id."""
        live = update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
        return self._connection.execute(live.values(revoked_at=at)).rowcount == 1


_BY_HASH = Prepared(selecting(tokens, Token).where(tokens.c.hash == bindparam("hash")))
