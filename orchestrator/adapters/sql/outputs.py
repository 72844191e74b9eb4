"""The outputs in SQL."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    exists,
    insert,
    select,
    update,
)

from orchestrator.adapters.sql.cipher import Cipher, WrongKey, is_encrypted
from orchestrator.adapters.sql.known import Known, StoredOutput
from orchestrator.adapters.sql.prepared import PreparedAmong
from orchestrator.adapters.sql.rows import inserting
from orchestrator.adapters.sql.schema import executions, outputs, shared_outputs
from orchestrator.domain.canonical import JsonObject, decode, encode
from orchestrator.domain.output import LARGE, Output, Preview
from orchestrator.errors import Sealed, Unreadable, cause

_BODY = select(outputs.c.id, outputs.c.body)
_BY_IDS = PreparedAmong(_BODY, outputs.c.id)

_PREVIEWS = select(
    outputs.c.id,
    outputs.c.preview,
    case((outputs.c.preview.is_(None), outputs.c.body), else_=None),
).where(outputs.c.id.in_(bindparam("ids", expanding=True)))
_PREVIEWS_AT_A_TIME = 20
"""Outputs from before there were previews are loaded whole."""

_EMPTIED_AT_A_TIME = 500

PURGED = "Purged: the execution finished longer ago than outputs are kept"
"""The description that an output has when the rest of it is gone."""


class SqlOutputs:
    """Keeps ``ports.Outputs``.

    Bodies and previews are deflated and, where the settings say so, encrypted. What was written
    before under another setting is read all the same.
    """

    def __init__(self, connection: Connection, known: Known, cipher: Cipher) -> None:
        self._connection = connection
        self._known = known
        self._cipher = cipher
        self._added: dict[str, dict[str, StoredOutput]] = {}

    def add(self, output_id: str, execution_id: str, output: Output, at: datetime) -> None:
        """Insert. Raises TaskFailed when it is too large or has no JSON form."""
        plain = encode(output.to_json())
        body, is_large = self._packed(plain), len(plain) > LARGE
        row = {
            "id": output_id,
            "execution_id": execution_id,
            "body": body,
            "created_at": at,
            "preview": self._preview_of(output) if is_large else None,
        }
        inserting(outputs, tuple(row)).run_each(self._connection, [row])
        if not is_large:  # the process that goes on with it may be another one
            stored = _stored(body, Output.from_json(cast("JsonObject", decode(plain))))
            self._added.setdefault(execution_id, {})[output_id] = stored

    def was_committed(self) -> None:
        """The transaction was committed: what it added is known from now on."""
        for execution_id, added in self._added.items():
            self._known.keep_outputs(execution_id, added)

    def get(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """Read several at a time, by id. Raises Unreadable for one that is damaged or gone."""
        return _readable(self._read(output_ids))

    def one(self, output_id: str) -> Output:
        """Read one. Raises Unreadable where it is damaged or gone."""
        return self.get([output_id])[output_id]

    def committed(self, execution_id: str, output_ids: Collection[str]) -> dict[str, Output]:
        """The same for outputs that an execution goes by, which do not change any more.

        Each is read once, and known. Raises Unreadable.
        """
        stored = self._known.outputs(execution_id)
        if own := self._added.get(execution_id):
            stored = {**stored, **own}
        new = set(output_ids).difference(stored)
        if new:
            stored = {**stored, **self._newly_known(execution_id, sorted(new))}
        return {id_: stored[id_].text or self._understood(id_, stored[id_]) for id_ in output_ids}

    def _newly_known(
        self, execution_id: str, output_ids: Sequence[str]
    ) -> Mapping[str, StoredOutput]:
        bodies = self._bodies(output_ids)
        _readable(_missing(output_ids, bodies))
        read = {id_: _stored(body, self._output(id_, body)) for id_, body in bodies.items()}
        self._known.keep_outputs(execution_id, read)
        return read

    def _understood(self, output_id: str, stored: StoredOutput) -> Output:
        return _readable({output_id: self._output(output_id, stored.body)})[output_id]

    def shown(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """The same for people: in place of one that cannot be read stands an output that says so.

        Its text is empty, and its description is the reason.
        """
        return {
            output_id: found if isinstance(found, Output) else Output("", description=found.message)
            for output_id, found in self._read(output_ids).items()
        }

    def _read(self, output_ids: Sequence[str]) -> dict[str, Output | Unreadable]:
        bodies = self._bodies(output_ids)
        read = {id_: self._output(id_, body) for id_, body in bodies.items()}
        return read | _missing(output_ids, read)

    def _bodies(self, output_ids: Sequence[str]) -> dict[str, bytes]:
        return {row[0]: row[1] for row in _BY_IDS.all(self._connection, output_ids)}

    def previews(self, output_ids: Sequence[str]) -> dict[str, Preview]:
        """Several texts, by id: small ones whole, of large ones the beginning."""
        found: dict[str, Preview] = {}
        for start in range(0, len(output_ids), _PREVIEWS_AT_A_TIME):
            some = output_ids[start : start + _PREVIEWS_AT_A_TIME]
            for output_id, preview, body in self._connection.execute(_PREVIEWS, {"ids": some}):
                found[output_id] = (
                    self._preview(preview) if preview else _shown(self._output(output_id, body))
                )
        return found

    def share(self, output_ids: Sequence[str], execution_id: str) -> None:
        """Keep outputs of another execution for as long as this one is kept as well."""
        if output_ids:
            rows = [{"output_id": id_, "execution_id": execution_id} for id_ in output_ids]
            self._connection.execute(insert(shared_outputs), rows)

    def purge(self, execution_id: str) -> None:
        """Replace what an execution's outputs hold by nothing, save those that a fork goes by.

        What it shared itself goes as well, where it was the last that the output was kept for.
        """
        of_others = shared_outputs.c.execution_id == execution_id
        held = self._connection.execute(
            select(outputs.c.id, outputs.c.execution_id)
            .join(shared_outputs, shared_outputs.c.output_id == outputs.c.id)
            .where(of_others)
        ).all()
        self._connection.execute(delete(shared_outputs).where(of_others))
        self._empty(outputs.c.execution_id == execution_id)
        # Whoever is purged at the same time waits here, newest first, so that one of two is last.
        for owner in sorted({row.execution_id for row in held}, reverse=True):
            found = select(executions.c.purged_at).where(executions.c.id == owner)
            if self._connection.execute(found.with_for_update(key_share=True)).scalar():
                ids = [row.id for row in held if row.execution_id == owner]
                for start in range(0, len(ids), _EMPTIED_AT_A_TIME):
                    self._empty(outputs.c.id.in_(ids[start : start + _EMPTIED_AT_A_TIME]))

    def _empty(self, these: ColumnElement[bool]) -> None:
        nothing = encode(Output(raw="", description=PURGED).to_json())
        is_shared = exists().where(shared_outputs.c.output_id == outputs.c.id)
        emptied = update(outputs).where(these, ~is_shared)
        self._connection.execute(emptied.values(body=self._packed(nothing), preview=None))

    def _packed(self, body: bytes) -> bytes:
        return self._cipher.pack(body, secret=self._cipher.encrypts_outputs)

    def _preview_of(self, output: Output) -> str:
        """As it lies in its column: JSON, or that encrypted."""
        text = encode(asdict(output.preview))
        return (self._cipher.encrypt(text) if self._cipher.encrypts_outputs else text).decode()

    def _preview(self, stored: str) -> Preview:
        text = stored.encode()
        try:
            read = self._cipher.decrypt(text) if is_encrypted(text) else text
        except WrongKey:
            return Preview("")
        return Preview(**cast("dict[str, Any]", decode(read)))

    def _output(self, output_id: str, body: bytes) -> Output | Unreadable:
        try:
            return Output.from_json(cast("JsonObject", decode(self._cipher.unpack(body))))
        except WrongKey:
            return Sealed(f"Output {output_id}")
        except (zlib.error, TypeError, ValueError, AttributeError) as error:
            return Unreadable(f"Output {output_id} is damaged: {cause(error)}")


def _stored(body: bytes, output: Output | Unreadable) -> StoredOutput:
    is_text = isinstance(output, Output) and output.json is None and not output.extra
    return StoredOutput(body, output if is_text and isinstance(output, Output) else None)


def _missing(output_ids: Sequence[str], read: Container[str]) -> dict[str, Output | Unreadable]:
    gone = (output_id for output_id in output_ids if output_id not in read)
    return {output_id: Unreadable(f"Output {output_id} is gone") for output_id in gone}


def _readable(read: Mapping[str, Output | Unreadable]) -> dict[str, Output]:
    for found in read.values():
        if isinstance(found, Unreadable):
            raise found
    return {output_id: found for output_id, found in read.items() if isinstance(found, Output)}


def _shown(output: Output | Unreadable) -> Preview:
    if isinstance(output, Unreadable):
        return Preview("")
    return output.preview if len(output.raw) >= LARGE else Preview(output.raw)
