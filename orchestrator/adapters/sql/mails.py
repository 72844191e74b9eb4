"""The mails that came in, in SQL."""

from __future__ import annotations

import zlib
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, LargeBinary, bindparam, delete, func, literal, select, update

from orchestrator.adapters.sql.among import among
from orchestrator.adapters.sql.cipher import Cipher, WrongKey
from orchestrator.adapters.sql.database_clock import read_clock
from orchestrator.adapters.sql.rows import MOST, Rows, insert_new, upsert, values_of
from orchestrator.adapters.sql.schema import inbound_mails, mail_waits, mailboxes
from orchestrator.domain.inbound_mail import MailState, StoredMail, WhyRefused
from orchestrator.errors import Sealed, Unreadable
from orchestrator.ports import MailFilter, Position, ReadMailbox

_c = inbound_mails.c
_NO_RAW = literal(None, LargeBinary).label("raw")
_LINES = select(
    *(_NO_RAW if field.name == "raw" else _c[field.name] for field in fields(StoredMail))
)
TO_WAKE = _LINES.where(mail_waits, _c.wake_at <= bindparam("now")).order_by(_c.wake_at).limit(MOST)

_LATELY = timedelta(days=7)
"""A mailbox that nobody looked at for that long was taken out of use."""


class SqlMails:
    """Keeps ``ports.Mails``."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher
        self._rows = Rows(connection, inbound_mails, StoredMail)

    def add(self, mail: StoredMail) -> bool:
        """Insert; False, and nothing done, where one with its message id came before."""
        raw = self._cipher.encrypt(mail.raw or b"")
        row = {**values_of(mail), "raw": raw}
        return insert_new(self._connection, inbound_mails, row, ["message_id"])

    def get(self, mail_id: str) -> StoredMail | None:
        """Read and decrypt. Raises Sealed where its secret key was taken away, or Unreadable."""
        found = self._rows.by_id(mail_id)
        if found is None or found.raw is None:
            return found
        try:
            return replace(found, raw=self._cipher.decrypt(found.raw))
        except WrongKey as error:
            raise Sealed("The mail") from error
        except zlib.error as error:
            raise Unreadable("The stored mail is damaged") from error

    def settle(self, mail: StoredMail) -> bool:
        """Write what became of one that waits; False, and nothing done, where it no longer does."""
        values = {name: value for name, value in values_of(mail).items() if name != "raw"}
        return self._update(mail.id, values)

    def to_wake(self, now: datetime, limit: int) -> tuple[StoredMail, ...]:
        """Those that wait and whose job was not published, or too long ago."""
        return self._rows.all(TO_WAKE, {"now": now, "most": limit})

    def woken(self, mail: StoredMail, wake_at: datetime) -> bool:
        """Note that its job is being published again; False where somebody else just did so."""
        values = {"wake_at": wake_at, "publishes": mail.publishes + 1}
        return self._update(mail.id, values, _c.publishes == mail.publishes)

    def page(
        self, wanted: MailFilter, after: Position | None, limit: int
    ) -> tuple[StoredMail, ...]:
        """Some of the mails that are meant, newest first."""
        equal = {name: getattr(wanted, name) for name in ("state", "sender", "review_id")}
        query = _LINES.where(
            among(_c.deployment, wanted.deployments),
            *(_c[name] == value for name, value in equal.items() if value is not None),
        )
        return self._rows.page(query, after, limit, newest_first=True, by="received_at")

    def unread(self) -> tuple[int, datetime | None]:
        """How many wait to be read, and when the one came that has waited for longest."""
        query = select(func.count(), func.min(_c.received_at)).where(mail_waits)
        count, oldest = self._connection.execute(query).one()
        return count, oldest

    def refused(self, since: datetime) -> dict[WhyRefused, int]:
        """How many that came since then were refused, by why."""
        late = select(_c.why, func.count()).where(_c.received_at >= since, _c.why.is_not(None))
        return dict(self._connection.execute(late.group_by(_c.why)).tuples().all())

    def looked_at(self, mailbox: str, error: str | None) -> None:
        """Note, by the database's clock, that a mailbox was read, or what was in the way."""
        now = read_clock(self._connection)
        seen = ReadMailbox(mailbox, now, None if error else now, error)
        kept = ("read_at",) if error else ()
        upsert(self._connection, mailboxes, values_of(seen), ["name"], keep=kept)

    def mailboxes(self) -> tuple[ReadMailbox, ...]:
        """Those that were looked at in the last week."""
        rows = Rows(self._connection, mailboxes, ReadMailbox)
        lately = mailboxes.c.at > read_clock(self._connection) - _LATELY
        return rows.all(rows.select().where(lately).order_by(mailboxes.c.name))

    def told(self, address: str, since: datetime) -> int:
        """How many mails since then were answered by one that explains, to that address."""
        query = select(func.count()).where(_c.told == address, _c.received_at >= since)
        return self._connection.execute(query).scalar_one()

    def purge(self, execution_id: str) -> None:
        """Take away what the mails said that answered an execution's reviews."""
        its = update(inbound_mails).where(_c.execution_id == execution_id)
        self._connection.execute(its.values(raw=None, reason=None, sender=None))

    def forget(self, before: datetime, limit: int) -> int:
        """Delete mails that came before then and belong to no execution; returns how many."""
        old = select(_c.id).where(
            _c.received_at < before, _c.execution_id.is_(None), _c.state != MailState.WAITING
        )
        some = old.order_by(_c.received_at).limit(limit)
        return self._connection.execute(delete(inbound_mails).where(_c.id.in_(some))).rowcount

    def _update(self, mail_id: str, values: dict[str, Any], *also: Any) -> bool:
        its = update(inbound_mails).where(_c.id == mail_id, mail_waits, *also)
        return self._connection.execute(its.values(values)).rowcount == 1
