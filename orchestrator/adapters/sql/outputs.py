"""The outputs in SQL."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, LargeBinary, bindparam, case, select, type_coerce, update

from orchestrator.adapters.sql.rows import inserting
from orchestrator.adapters.sql.schema import outputs
from orchestrator.domain.canonical import JsonObject, decode, encode
from orchestrator.domain.output import LARGE, Output, Preview
from orchestrator.errors import Unreadable, cause

_BY_IDS = select(outputs.c.id, type_coerce(outputs.c.body, LargeBinary)).where(
    outputs.c.id.in_(bindparam("ids", expanding=True))
)

_PREVIEWS = select(
    outputs.c.id,
    outputs.c.preview,
    case((outputs.c.preview.is_(None), type_coerce(outputs.c.body, LargeBinary)), else_=None),
).where(outputs.c.id.in_(bindparam("ids", expanding=True)))
_PREVIEWS_AT_A_TIME = 20
"""Outputs from before there were previews are loaded whole."""

PURGED = "Purged: the execution finished longer ago than outputs are kept"
"""The description that an output has when the rest of it is gone."""


class SqlOutputs:
    """Keeps ``ports.Outputs``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, output_id: str, execution_id: str, output: Output, at: datetime) -> None:
        """Insert. Raises TaskFailed when it is too large or has no JSON form."""
        body = encode(output.to_json())
        row = {
            "id": output_id,
            "execution_id": execution_id,
            "body": body,
            "created_at": at,
            "preview": asdict(output.preview) if len(body) > LARGE else None,
        }
        self._connection.execute(inserting(outputs), row)

    def get(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """Read several at a time, by id. Raises Unreadable for one that is damaged or gone."""
        read = self._read(output_ids)
        for found in read.values():
            if isinstance(found, Unreadable):
                raise found
        return {output_id: found for output_id, found in read.items() if isinstance(found, Output)}

    def shown(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """The same for people: in place of one that cannot be read stands an output that says so.

        Its text is empty, and its description is the reason.
        """
        return {
            output_id: found if isinstance(found, Output) else Output("", description=found.message)
            for output_id, found in self._read(output_ids).items()
        }

    def _read(self, output_ids: Sequence[str]) -> dict[str, Output | Unreadable]:
        if not output_ids:
            return {}
        found = self._connection.execute(_BY_IDS, {"ids": list(output_ids)}).all()
        gone = {output_id: Unreadable(f"Output {output_id} is gone") for output_id in output_ids}
        return gone | {output_id: _output(output_id, body) for output_id, body in found}

    def previews(self, output_ids: Sequence[str]) -> dict[str, Preview]:
        """Several texts, by id: small ones whole, of large ones the beginning."""
        found: dict[str, Preview] = {}
        for start in range(0, len(output_ids), _PREVIEWS_AT_A_TIME):
            some = output_ids[start : start + _PREVIEWS_AT_A_TIME]
            for output_id, preview, body in self._connection.execute(_PREVIEWS, {"ids": some}):
                read = Preview(**preview) if preview else _preview(_output(output_id, body))
                found[output_id] = read
        return found

    def purge(self, execution_id: str) -> None:
        """Replace what an execution's outputs hold by nothing."""
        nothing = encode(Output(raw="", description=PURGED).to_json())
        of_execution = outputs.c.execution_id == execution_id
        self._connection.execute(
            update(outputs).where(of_execution).values(body=nothing, preview=None)
        )


def _preview(output: Output | Unreadable) -> Preview:
    if isinstance(output, Unreadable):
        return Preview("")
    return output.preview if len(output.raw) >= LARGE else Preview(output.raw)


def _output(output_id: str, body: bytes) -> Output | Unreadable:
    try:
        return Output.from_json(cast("JsonObject", decode(zlib.decompress(body))))
    except (zlib.error, TypeError, ValueError, AttributeError) as error:
        return Unreadable(f"Output {output_id} is damaged: {cause(error)}")
