"""Everything that is encrypted, read as it lies there and written anew with the newest key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    bindparam,
    false,
    func,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.types import TypeEngine

from orchestrator.adapters.sql.cipher import Cipher, WrongKey, is_encrypted
from orchestrator.adapters.sql.hidden_question import hidden_of, hide, show
from orchestrator.adapters.sql.rows import insert_new
from orchestrator.adapters.sql.schema import (
    calls,
    checkpoints,
    deliveries,
    endpoints,
    inbound_mails,
    is_notice,
    naming_key,
    outputs,
    recipients,
    reviews,
    signing_secrets,
)
from orchestrator.domain.canonical import JsonObject, decode, encode
from orchestrator.domain.question import Question
from orchestrator.ports import Rewrite, StoredSecrets

_BYTES = 4 * 1024 * 1024
"""What one batch loads, unless a single row has more."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of what may be encrypted. ``always`` says of which rows, whatever the settings.

    ``is_question``: of its text a part may be, and the rest lies there as it is.
    """

    table: Table
    column: str
    always: ColumnElement[bool]
    is_text: bool = False
    is_question: bool = False

    @property
    def type(self) -> TypeEngine[Any]:
        """As which it lies there."""
        return Text() if self.is_text else LargeBinary()

    @property
    def raw(self) -> ColumnElement[Any]:
        """The column as it lies there."""
        return type_coerce(self.table.c[self.column], self.type)


_PLACES: Mapping[str, _Place] = {
    "naming key": _Place(naming_key, "key", true()),
    "URLs of endpoints": _Place(endpoints, "url", true()),
    "credentials of endpoints": _Place(endpoints, "authentication", true()),
    "signing secrets": _Place(signing_secrets, "secret", true()),
    "tokens of mails": _Place(recipients, "token", true()),
    "webhooks": _Place(deliveries, "body", is_notice),
    "mails": _Place(inbound_mails, "raw", true()),
    "outputs": _Place(outputs, "body", false()),
    "beginnings of outputs": _Place(outputs, "preview", false(), is_text=True),
    "answers in the journal": _Place(calls, "answer", false()),
    "arguments in the journal": _Place(calls, "arguments", false()),
    "states of flows": _Place(checkpoints, "state", false()),
    "what questions show": _Place(reviews, "question", false(), is_text=True, is_question=True),
}

_LOOKED_INTO = 64 * 1024
"""Bytes of what is looked into to tell which keys are in use."""

_ROWS = 500
"""What one batch looks at, at most."""


class SqlSecrets:
    """Keeps ``ports.Secrets``."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def places(self) -> tuple[str, ...]:
        """What may be encrypted, by its name."""
        return tuple(_PLACES)

    def outdated(self, place: str, after: str | int | None) -> StoredSecrets:
        """Look at the next few rows: which of them would be written otherwise today."""
        at = _PLACES[place]
        ids = self._next_ids(at, after)
        if not ids:
            return StoredSecrets(None, (), 0)
        c = at.table.c
        query = select(c.id, at.raw, at.always).where(c.id.in_(ids))
        rewrites, sealed = [], 0
        for row_id, stored, always in self._connection.execute(query):
            was = stored.encode() if at.is_text else bytes(stored)
            try:
                now = self._repacked(at, was, secret=always or self._cipher.encrypts_outputs)
            except WrongKey:
                sealed += 1
                continue
            if now != was:
                rewrites.append(Rewrite(row_id, was, now))
        return StoredSecrets(ids[-1], tuple(rewrites), sealed)

    def rewrite(self, place: str, rewrites: Sequence[Rewrite]) -> int:
        """Write those that are still as they were; returns how many."""
        at = _PLACES[place]
        column = at.table.c[at.column]
        statement = (
            update(at.table)
            .where(at.table.c.id == bindparam("its_id"), at.raw == bindparam("was", type_=at.type))
            .values({column: bindparam("now", type_=at.type)})
        )
        written = 0
        for each in rewrites:
            was, now = (
                (each.was.decode(), each.now.decode()) if at.is_text else (each.was, each.now)
            )
            bound = {"its_id": each.row_id, "was": was, "now": now}
            written += self._connection.execute(statement, bound).rowcount
        return written

    def keep_naming_key(self) -> None:
        """From now on ids of endpoints are made with what they are made with now."""
        row = {"id": 1, "key": self._cipher.encrypt(self._cipher.oldest_naming_key)}
        insert_new(self._connection, naming_key, row, ["id"])

    def keys_in_use(self, limit: int) -> Mapping[int | None, int]:
        """How many of the newest and of the oldest rows each key encrypted, by its place."""
        found: Counter[int | None] = Counter()
        for at in _PLACES.values():
            looked_at: dict[str | int, bytes] = {}
            for order in (at.table.c.id, at.table.c.id.desc()):
                some = select(at.table.c.id).where(at.table.c.id.is_not(None))
                some = some.order_by(order).limit(limit)
                query = select(at.table.c.id, at.raw).where(at.table.c.id.in_(some))
                query = query.where(func.length(at.raw) <= _LOOKED_INTO)
                for row_id, stored in self._connection.execute(query):
                    looked_at[row_id] = _looked_at(at, stored)
            found.update(map(self._cipher.key_of, filter(is_encrypted, looked_at.values())))
        return found

    def _next_ids(self, at: _Place, after: str | int | None) -> list[str | int]:
        c = at.table.c
        there = (at.raw.is_not(None), c.id.is_not(None))
        query = select(c.id, func.length(at.raw)).where(*there)
        if after is not None:
            query = query.where(c.id > after)
        ids: list[str | int] = []
        total = 0
        for row_id, size in self._connection.execute(query.order_by(c.id).limit(_ROWS)):
            total += size
            if ids and total > _BYTES:
                break
            ids.append(row_id)
        return ids

    def _repacked(self, at: _Place, stored: bytes, *, secret: bool) -> bytes:
        """The same as ``Cipher.repack``; a text is not deflated where it lies there as it is."""
        if at.is_question:
            return self._asked_anew(stored)
        if not at.is_text:
            return self._cipher.repack(stored, secret=secret)
        if not is_encrypted(stored):
            return self._cipher.encrypt(stored) if secret else stored
        return self._cipher.repack(stored, secret=True) if secret else self._cipher.decrypt(stored)

    def _asked_anew(self, stored: bytes) -> bytes:
        question = _question_in(stored)
        hidden = hidden_of(question)
        if (
            hidden is not None
            and self._cipher.encrypts_outputs
            and self._cipher.key_of(hidden) == 0
        ):
            return stored
        written = hide(show(question, self._cipher), self._cipher)
        return stored if written == question else encode(written.to_json())


def _looked_at(at: _Place, stored: Any) -> bytes:
    """What is encrypted in a row, or lies there as it is."""
    if at.is_question:
        return hidden_of(_question_in(stored.encode())) or b""
    return stored.encode() if at.is_text else bytes(stored)


def _question_in(stored: bytes) -> Question:
    return Question.from_json(cast("JsonObject", decode(stored)))
