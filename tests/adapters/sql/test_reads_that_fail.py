"""A read that fails halfway leaves nothing behind on its connection."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text, update

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.sql.schema import executions
from orchestrator.domain.execution import Execution
from orchestrator.ports import ExecutionFilter, Transaction


def give_up(tx: Transaction) -> None:
    """Begin to read rows, and fail at the first."""
    connection: Connection = tx.timeline._connection  # type: ignore[attr-defined] - past the port
    found = connection.execute(text("SELECT id FROM executions"))
    raise LookupError(found.fetchone())


ONE = "0195d3b0-0000-7000-8000-000000000001"

READS: dict[str, Callable[[Transaction], object]] = {
    "a list": lambda tx: tx.executions.page(ExecutionFilter(), None, 10),
    "one row": lambda tx: tx.executions.get(ONE),
    "rows that nobody read to the end": give_up,
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("verb", ["read", "transact"])
def test_what_failed_to_read_does_not_keep_the_next_from_writing(
    store: SqlStore,
    database: str,
    new_execution: Callable[..., Execution],
    read: str,
    verb: str,
) -> None:
    for made in (new_execution(id=ONE), new_execution(), new_execution()):
        store.transact(lambda tx, made=made: tx.executions.add(made))  # type: ignore[misc]
    other = make_engine(database)
    with other.begin() as connection:
        connection.execute(update(executions).values(state=text("'NONSENSE'")))

    with pytest.raises((LookupError, ValueError), match=r"NONSENSE|\(") as kept:
        getattr(store, verb)(READS[read])
    with other.begin() as connection:  # somebody else goes on
        connection.execute(update(executions).values(state=text("'QUEUED'")))
    other.dispose()

    assert store.transact(lambda tx: tx.executions.add(new_execution()))
    assert kept.traceback  # what failed still holds all that it had open
