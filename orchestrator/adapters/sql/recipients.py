"""Who is asked in a review, and who is away, in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, false, null, select, update

from orchestrator.adapters.sql.cipher import Cipher
from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import Rows, inserting, save, upsert, values_of
from orchestrator.adapters.sql.schema import absences, recipient_is_troubled, recipients
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review_terms import Absence

_c = recipients.c
_CLOSE = Prepared(
    update(recipients)
    .where(_c.review_id == bindparam("of_review"))
    .values(waits=false(), token=null())
)


class SqlRecipients:
    """Keeps ``ports.Recipients``."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher
        self._rows = Rows(connection, recipients, Recipient)

    def add(self, asked: Mapping[Recipient, str]) -> None:
        """Insert, each with the token of its mails."""
        rows = [
            {**values_of(each), "token": self._cipher.encrypt(token.encode())}
            for each, token in asked.items()
        ]
        self._insert(rows)

    def add_votes(self, votes: Sequence[Recipient]) -> None:
        """Insert what people said in reviews that are closed."""
        self._insert([{**values_of(each), "waits": False} for each in votes])

    def _insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            inserting(recipients, tuple(rows[0])).run_each(self._connection, rows)

    def token(self, recipient_id: str) -> str | None:
        """The token of that person's mails; None once the review is closed."""
        query = select(_c.token).where(_c.id == recipient_id)
        stored = self._connection.execute(query).scalar()
        return None if stored is None else self._cipher.decrypt(stored).decode()

    def of(self, review_ids: Sequence[str]) -> tuple[Recipient, ...]:
        """All of these reviews', in the order in which they were asked."""
        if not review_ids:
            return ()
        query = self._rows.select().where(_c.review_id.in_(review_ids))
        return self._rows.all(query.order_by(_c.created_at, _c.id))

    def by_token(self, token_hash: str) -> Recipient | None:
        """Whoever got the token of that hash."""
        return self._rows.first(self._rows.select().where(_c.token_hash == token_hash))

    def troubled(self, deployment: str, address: str, limit: int) -> tuple[Recipient, ...]:
        """Some of those with that address whom a mail did not reach, execution by execution."""
        query = self._rows.select().where(recipient_is_troubled, _c.address == address)
        query = query.where(_c.deployment == deployment)
        return self._rows.all(query.order_by(_c.execution_id, _c.id).limit(limit))

    def save(self, before: Recipient, after: Recipient) -> Recipient:
        """Write over the state and version of ``before``. Raises StaleWrite."""
        return save(self._connection, recipients, before, after)

    def close(self, review_id: str) -> None:
        """Nobody is waited for any more: the review has ended."""
        _CLOSE.run(self._connection, {"of_review": review_id})

    def purge(self, execution_id: str) -> None:
        """Take away what people said in an execution's reviews."""
        said = (_c.execution_id == execution_id, _c.words.is_not(None))
        values = {"words": None, "version": _c.version + 1}
        self._connection.execute(update(recipients).where(*said).values(values))


class SqlAbsences:
    """Keeps ``ports.Absences``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, absences, Absence)

    def put(self, absence: Absence) -> None:
        """Insert, or write over the person's."""
        upsert(self._connection, absences, values_of(absence), ["address"])

    def end(self, address: str) -> bool:
        """The person is back; False where they were not away."""
        gone = delete(absences).where(absences.c.address == address)
        return self._connection.execute(gone).rowcount == 1

    def at(self, now: datetime) -> dict[str, Absence]:
        """Who is away now, by address."""
        query = self._rows.select().where(absences.c.until > now)
        return {each.address: each for each in self._rows.all(query)}
