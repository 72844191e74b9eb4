"""Who is asked in a review, and who is away, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, false, update

from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.adapters.sql.rows import Rows, save, upsert, values_of
from orchestrator.adapters.sql.schema import absences, recipients
from orchestrator.domain.recipient import Recipient
from orchestrator.domain.review_terms import Absence

_c = recipients.c
_CLOSE = Prepared(
    update(recipients).where(_c.review_id == bindparam("of_review")).values(waits=false())
)


class SqlRecipients:
    """Keeps ``ports.Recipients``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = Rows(connection, recipients, Recipient)

    def add(self, asked: Sequence[Recipient]) -> None:
        """Insert."""
        self._rows.add(asked)

    def of(self, review_ids: Sequence[str]) -> tuple[Recipient, ...]:
        """All of these reviews', in the order in which they were asked."""
        if not review_ids:
            return ()
        query = self._rows.select().where(_c.review_id.in_(review_ids))
        return self._rows.all(query.order_by(_c.created_at, _c.id))

    def by_token(self, token_hash: str) -> Recipient | None:
        """Whoever got the token of that hash."""
        return self._rows.first(self._rows.select().where(_c.token_hash == token_hash))

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
