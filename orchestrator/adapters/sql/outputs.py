"""The outputs in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, bindparam, select, update

from orchestrator.adapters.sql.rows import inserting
from orchestrator.adapters.sql.schema import outputs
from orchestrator.domain.canonical import JsonObject, decode, encode
from orchestrator.domain.output import Output

_BY_IDS = select(outputs.c.id, outputs.c.body).where(
    outputs.c.id.in_(bindparam("ids", expanding=True))
)

PURGED = "Purged: the execution finished longer ago than outputs are kept"
"""The description that an output has when the rest of it is gone."""


class SqlOutputs:
    """Keeps ``ports.Outputs``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, output_id: str, execution_id: str, output: Output, at: datetime) -> None:
        """Insert. Raises TaskFailed when it is too large or has no JSON form."""
        body = encode(output.to_json())
        row = {"id": output_id, "execution_id": execution_id, "body": body, "created_at": at}
        self._connection.execute(inserting(outputs), row)

    def get(self, output_ids: Sequence[str]) -> dict[str, Output]:
        """Read several at a time, by id."""
        if not output_ids:
            return {}
        found = self._connection.execute(_BY_IDS, {"ids": list(output_ids)})
        return {
            output_id: Output.from_json(cast("JsonObject", decode(body)))
            for output_id, body in found
        }

    def purge(self, execution_id: str) -> None:
        """Replace what an execution's outputs hold by nothing."""
        nothing = encode(Output(raw="", description=PURGED).to_json())
        of_execution = outputs.c.execution_id == execution_id
        self._connection.execute(update(outputs).where(of_execution).values(body=nothing))
