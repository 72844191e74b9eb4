"""Who is signed in to the inbox, and who asked for a link to do so, in SQL."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update

from orchestrator.adapters.sql.rows import MOST, Rows
from orchestrator.adapters.sql.schema import link_waits, sessions, sign_in_links, tokens
from orchestrator.domain.session import IDLE, Session, SignInLink

_c = sessions.c
_l = sign_in_links.c

TO_WAKE = (
    select(*(_l[field.name] for field in fields(SignInLink)))
    .where(link_waits, _l.wake_at <= bindparam("now"), _l.expires_at > bindparam("now"))
    .order_by(_l.wake_at)
    .limit(MOST)
)


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
        live = select(_c.hash).outerjoin(tokens, tokens.c.id == _c.token_id)
        live = live.where(_c.hash.in_(hashes), tokens.c.revoked_at.is_(None))
        live = live.where(_c.expires_at > now, _c.seen_at > now - IDLE)
        return frozenset(self._connection.execute(live).scalars())

    def seen(self, hashed: str, at: datetime) -> None:
        """Note that it is in use."""
        self._connection.execute(update(sessions).where(_c.hash == hashed).values(seen_at=at))

    def end(self, hashed: str) -> None:
        """Take it away, if it is there."""
        self._connection.execute(delete(sessions).where(_c.hash == hashed))

    def end_all(self, person: str) -> int:
        """Take away all that a person began without a token; returns how many."""
        return self._connection.execute(delete(sessions).where(_c.person == person)).rowcount

    def forget(self, expired_before: datetime) -> None:
        """Take away all that had expired by then."""
        self._connection.execute(delete(sessions).where(_c.expires_at < expired_before))


class SqlSignInLinks:
    """Keeps ``ports.SignInLinks``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, sign_in_links, SignInLink)

    def add(self, link: SignInLink) -> None:
        """Insert."""
        self._rows.add([link])

    def get(self, link_id: str) -> SignInLink | None:
        """Read."""
        return self._rows.by_id(link_id)

    def by_hash(self, hashed: str) -> SignInLink | None:
        """The link whose secret has this hash."""
        return self._rows.first(self._rows.select().where(_l.hash == hashed))

    def live(self, now: datetime, address: str | None = None) -> int:
        """How many have not expired: of that address, or of all."""
        query = select(func.count()).select_from(sign_in_links).where(_l.expires_at > now)
        if address is not None:
            query = query.where(_l.address == address)
        return int(self._connection.execute(query).scalar_one())

    def write(self, link_id: str, hashed: str, wake_at: datetime) -> None:
        """Its mail is being written with the secret of this hash; an earlier one is void."""
        self._change(link_id, hash=hashed, wake_at=wake_at)

    def to_wake(self, now: datetime, limit: int) -> tuple[SignInLink, ...]:
        """Those that may still be used and whose mail was not taken, nor their job lately."""
        return self._rows.all(TO_WAKE, {"now": now, "most": limit})

    def woken(self, link: SignInLink, wake_at: datetime) -> bool:
        """Note when its job is published again; False where somebody else just did so."""
        same = update(sign_in_links).where(_l.id == link.id, _l.wake_at == link.wake_at)
        return self._connection.execute(same.values(wake_at=wake_at)).rowcount == 1

    def sent(self, link_id: str, at: datetime) -> None:
        """Its mail was taken."""
        self._change(link_id, sent_at=at, wake_at=None)

    def use(self, hashed: str, now: datetime) -> bool:
        """Use it up; False where it was used, has expired, or is none."""
        live = update(sign_in_links).where(
            _l.hash == hashed, _l.used_at.is_(None), _l.expires_at > now
        )
        return self._connection.execute(live.values(used_at=now)).rowcount == 1

    def end(self, link_id: str) -> None:
        """Take it away."""
        self._connection.execute(delete(sign_in_links).where(_l.id == link_id))

    def forget(self, expired_before: datetime) -> None:
        """Take away all that had expired by then."""
        self._connection.execute(delete(sign_in_links).where(_l.expires_at < expired_before))

    def _change(self, link_id: str, **values: object) -> None:
        self._connection.execute(update(sign_in_links).where(_l.id == link_id).values(**values))
