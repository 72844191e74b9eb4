"""Who is signed in to the inbox, in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from orchestrator.adapters.sql.rows import Rows
from orchestrator.adapters.sql.schema import sessions, tokens
from orchestrator.domain.session import IDLE, Session

_c = sessions.c


class SqlSessions:
    """Keeps ``ports.Sessions``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, sessions, Session)

    def add(self, session: Session) -> None:
        """Insert."""
        self._rows.add([session])

    def by_hash(self, hashed: str) -> Session | None:
        """The session whose secret has this hash."""
        return self._rows.first(self._rows.select().where(_c.hash == hashed))

    def live(self, hashes: Collection[str], now: datetime) -> frozenset[str]:
        """Those of these hashes whose sessions have not ended, nor their tokens."""
        live = select(_c.hash).join(tokens, tokens.c.id == _c.token_id)
        live = live.where(_c.hash.in_(hashes), tokens.c.revoked_at.is_(None))
        live = live.where(_c.expires_at > now, _c.seen_at > now - IDLE)
        return frozenset(self._connection.execute(live).scalars())

    def seen(self, hashed: str, at: datetime) -> None:
        """Note that it is in use."""
        self._connection.execute(update(sessions).where(_c.hash == hashed).values(seen_at=at))

    def end(self, hashed: str) -> None:
        """Take it away, if it is there."""
        self._connection.execute(delete(sessions).where(_c.hash == hashed))

    def forget(self, expired_before: datetime) -> None:
        """Take away all that had expired by then."""
        self._connection.execute(delete(sessions).where(_c.expires_at < expired_before))
