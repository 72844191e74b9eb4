"""What a process has read of rows that never change is not read again, as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, delete, update

from orchestrator.adapters.sql import SqlStore, engine, known
from orchestrator.adapters.sql.schema import checkpoints, outputs
from orchestrator.adapters.sql.store import SqlTransaction
from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.execution import Execution
from orchestrator.domain.output import LARGE, Output
from orchestrator.errors import Unreadable
from orchestrator.ports import Transaction

DIGEST = "sha256:" + "0" * 64
TEXT = Output("the ebb of the tide")


def write(store: SqlStore, execution: Execution, written: Sequence[Output]) -> list[str]:
    """As another process does: this one knows nothing of it."""
    known = store._known
    store._known = known.__class__()
    ids = write_here(store, execution, written)
    store._known = known
    return ids


def write_here(store: SqlStore, execution: Execution, written: Sequence[Output]) -> list[str]:
    ids = [str(uuid4()) for _ in written]

    def add(tx: Transaction) -> None:
        for output_id, output in zip(ids, written, strict=True):
            tx.outputs.add(output_id, execution.id, output, execution.created_at)

    store.transact(add)
    return ids


def beneath(tx: Transaction) -> Connection:
    assert isinstance(tx, SqlTransaction)
    return tx.connection


def committed(store: SqlStore, execution: Execution, ids: Sequence[str]) -> list[Output]:
    return list(store.read(lambda tx: tx.outputs.committed(execution.id, ids)).values())


def take_away(store: SqlStore, ids: Sequence[str]) -> None:
    with store._writer.begin() as connection:
        connection.execute(delete(outputs).where(outputs.c.id.in_(ids)))


def test_an_output_is_read_once(store: SqlStore, execution: Execution) -> None:
    ids = write(store, execution, [TEXT, replace(TEXT, json={"knots": 3})])
    first = committed(store, execution, ids)

    take_away(store, ids)

    assert committed(store, execution, ids) == first
    assert committed(store, execution, ids[1:]) == first[1:]


def test_an_output_that_this_process_wrote_is_not_read(
    store: SqlStore, execution: Execution
) -> None:
    written = [TEXT, replace(TEXT, json={"knots": 3}), Output("x" * LARGE)]
    ids = write_here(store, execution, written)

    take_away(store, ids)

    assert committed(store, execution, ids[:2]) == written[:2]
    with pytest.raises(Unreadable, match="is gone"):
        committed(store, execution, ids[2:])


def test_an_output_that_was_not_committed_is_not_known(
    store: SqlStore, execution: Execution
) -> None:
    output_id = str(uuid4())

    def fail(tx: Transaction) -> None:
        tx.outputs.add(output_id, execution.id, TEXT, execution.created_at)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transact(fail)
    with pytest.raises(Unreadable, match="is gone"):
        committed(store, execution, [output_id])


def test_only_what_is_not_known_is_read(store: SqlStore, execution: Execution) -> None:
    before = write(store, execution, [TEXT])
    committed(store, execution, before)
    after = write(store, execution, [Output("the flood")])
    take_away(store, before)

    assert committed(store, execution, before + after) == [TEXT, Output("the flood")]


def test_what_is_known_of_one_execution_is_not_of_another(
    store: SqlStore, execution: Execution
) -> None:
    ids = write(store, execution, [TEXT])
    committed(store, execution, ids)
    take_away(store, ids)

    with pytest.raises(Unreadable, match="is gone"):
        committed(store, replace(execution, id=str(uuid4())), ids)


def test_data_is_understood_anew_for_each_that_asks(store: SqlStore, execution: Execution) -> None:
    ids = write(store, execution, [replace(TEXT, json={"knots": 3})])
    found = committed(store, execution, ids)[0]
    assert isinstance(found.json, dict)

    found.json["knots"] = 30

    assert committed(store, execution, ids)[0].json == {"knots": 3}


def test_what_there_is_no_room_for_is_read_each_time(
    store: SqlStore, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [Output(str(number) * 99) for number in range(3)]
    ids = write(store, execution, written)
    taken = zip(bodies(store, ids[:2]), written, strict=False)
    room = sum(known.StoredOutput(body, output).size for body, output in taken)
    monkeypatch.setattr(known, "MOST_BYTES", room)

    assert committed(store, execution, ids[:2]) == written[:2]
    assert committed(store, execution, ids) == written
    take_away(store, ids)
    assert committed(store, execution, ids[:2]) == written[:2]
    with pytest.raises(Unreadable, match="is gone"):
        committed(store, execution, ids)


def test_what_is_known_is_counted_once_and_as_long_as_its_text_is() -> None:
    long = known.StoredOutput(b"deflated", Output("a" * 9000))
    twice = known.KnownOutputs().joined_by({"1": long}).joined_by({"1": long})

    assert 9000 < twice.size < 2 * 9000
    assert list(twice.by_id) == ["1"]


def bodies(store: SqlStore, ids: Sequence[str]) -> list[bytes]:
    with store._writer.begin() as connection:
        found = connection.execute(outputs.select().where(outputs.c.id.in_(ids))).all()
    return [row.body for row in found]


def test_what_was_under_way_when_a_connection_broke_is_not_known(
    store: SqlStore, execution: Execution
) -> None:
    """It may be committed to the server of before, over a connection that still stands."""
    output_id = str(uuid4())

    def add(tx: Transaction) -> None:
        tx.outputs.add(output_id, execution.id, TEXT, execution.created_at)
        store.forget()

    store.transact(add)
    take_away(store, [output_id])

    with pytest.raises(Unreadable, match="is gone"):
        committed(store, execution, [output_id])


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_nothing_is_known_once_the_pool_has_found_a_connection_dead(
    store: SqlStore, execution: Execution, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the next leads to may be a server that never had what the first one lost."""
    monkeypatch.setattr(engine, "_IDLE", 0.0)
    ids = write_here(store, execution, [TEXT])
    assert committed(store, execution, ids) == [TEXT]

    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as another:
        another.execute("DELETE FROM outputs")
        another.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with pytest.raises(Unreadable, match="is gone"):
        committed(store, execution, ids)


@pytest.mark.parametrize("state", [None, {}, {"tide": "high"}])
def test_checkpoints_are_read_once_save_those_with_a_flows_state(
    store: SqlStore, execution: Execution, state: dict[str, str] | None
) -> None:
    entry = Checkpoint(
        id=str(uuid4()),
        execution_id=execution.id,
        number=1,
        plan_digest=DIGEST,
        cause=Cause.COMMIT,
        path="write",
        name="write",
        created_at=execution.created_at,
        state=dict(state) if state is not None else None,
    )
    store.transact(lambda tx: tx.checkpoints.add(entry))
    locked = replace(execution, checkpoints=1)
    assert store.read(lambda tx: tx.checkpoints.of_locked(locked)) == (entry,)

    with store._writer.begin() as connection:
        connection.execute(update(checkpoints).values(name="rewrite"))

    found = store.read(lambda tx: tx.checkpoints.of_locked(locked))
    assert found[0].name == ("write" if state is None else "rewrite")


def test_the_checkpoints_that_a_transaction_wrote_itself_are_not_read(
    store: SqlStore, execution: Execution
) -> None:
    first, second, third = (
        Checkpoint(
            id=str(uuid4()),
            execution_id=execution.id,
            number=number,
            plan_digest=DIGEST,
            cause=Cause.COMMIT,
            path=f"step{number}",
            created_at=execution.created_at,
        )
        for number in (1, 2, 3)
    )
    store.transact(lambda tx: tx.checkpoints.add(first))
    another = replace(execution, id=str(uuid4()))
    other = replace(first, id=str(uuid4()), execution_id=another.id)

    def write_two(tx: Transaction) -> tuple[Checkpoint, ...]:
        tx.executions.add(another)
        tx.checkpoints.add(second)
        tx.checkpoints.add(third)
        tx.checkpoints.add(other)
        beneath(tx).execute(delete(checkpoints))
        return tx.checkpoints.of_locked(replace(execution, checkpoints=3))

    assert store.transact(write_two) == (first, second, third)
