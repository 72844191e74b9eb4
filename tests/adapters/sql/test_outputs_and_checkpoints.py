from __future__ import annotations

import zlib
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.schema import outputs
from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.execution import Execution
from orchestrator.domain.output import LARGE, LIMIT, PREVIEW, Output, Preview
from orchestrator.errors import TaskFailed, Unreadable, WrittenByNewer
from orchestrator.ports import Transaction

DIGEST = "sha256:" + "0" * 64
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def keep(store: SqlStore, execution: Execution, output: Output) -> Output:
    output_id = str(uuid4())
    at = execution.created_at
    store.transact(lambda tx: tx.outputs.add(output_id, execution.id, output, at))
    return store.read(lambda tx: tx.outputs.get([output_id]))[output_id]


@given(raw=ANY_TEXT)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_an_output_is_read_as_it_was_written(
    store: SqlStore, execution: Execution, raw: str
) -> None:
    written = Output(raw, agent="Writer", json={"n": [1.5, None]}, extra={"pydantic": raw})

    assert keep(store, execution, written) == written


@pytest.mark.parametrize("asked", [0, 1, 3, 600])
def test_several_outputs_are_read_at_once(
    store: SqlStore, execution: Execution, asked: int
) -> None:
    written = {str(uuid4()): Output(f"the {number}.") for number in range(asked)}

    def write(tx: Transaction) -> None:
        for output_id, output in written.items():
            tx.outputs.add(output_id, execution.id, output, execution.created_at)

    store.transact(write)

    assert store.read(lambda tx: tx.outputs.get(list(written))) == written


def test_an_output_over_the_limit_is_refused(store: SqlStore, execution: Execution) -> None:
    with pytest.raises(TaskFailed, match="over the limit"):
        keep(store, execution, Output("x" * LIMIT))


def test_an_output_that_is_no_json_is_refused(store: SqlStore, execution: Execution) -> None:
    with pytest.raises(TaskFailed, match="cannot be stored"):
        keep(store, execution, Output("x", json=float("nan")))


def checkpoint(execution: Execution, number: int) -> Checkpoint:
    return Checkpoint(
        id=str(uuid4()),
        execution_id=execution.id,
        number=number,
        plan_digest=DIGEST,
        cause=Cause.COMMIT,
        path=f"write#{number}",
        name="write",
        created_at=execution.created_at,
        output_id=str(uuid4()),
        state={"tide": "high"},
        seconds=1.5,
        usage={"total_tokens": 3},
    )


def test_checkpoints_are_read_in_the_order_of_their_numbers(
    store: SqlStore, execution: Execution
) -> None:
    older, newer = checkpoint(execution, 1), checkpoint(execution, 2)

    store.transact(lambda tx: [tx.checkpoints.add(each) for each in (newer, older)])

    assert store.read(lambda tx: tx.checkpoints.of(execution.id)) == (older, newer)
    shown = store.read(lambda tx: tx.checkpoints.shown(execution.id))
    assert shown == (replace(older, state=None), replace(newer, state=None))


def test_an_execution_that_has_just_begun_has_no_checkpoint(
    store: SqlStore, execution: Execution
) -> None:
    assert store.read(lambda tx: tx.checkpoints.of(execution.id)) == ()


def test_a_checkpoint_of_a_newer_format_is_not_guessed_at(
    store: SqlStore, execution: Execution
) -> None:
    unreadable = replace(checkpoint(execution, 1), format=99)
    store.transact(lambda tx: tx.checkpoints.add(unreadable))

    with pytest.raises(WrittenByNewer, match="format 99"):
        store.read(lambda tx: tx.checkpoints.of(execution.id))


def test_an_output_that_is_gone_is_not_taken_for_nothing(store: SqlStore) -> None:
    gone = str(uuid4())

    with pytest.raises(Unreadable, match="is gone"):
        store.read(lambda tx: tx.outputs.get([gone]))
    assert "is gone" in store.read(lambda tx: tx.outputs.shown([gone]))[gone].description


def preview(store: SqlStore, execution: Execution, output: Output) -> Preview:
    output_id, at = str(uuid4()), execution.created_at
    store.transact(lambda tx: tx.outputs.add(output_id, execution.id, output, at))
    return store.read(lambda tx: tx.outputs.previews([output_id, str(uuid4())]))[output_id]


@pytest.mark.parametrize("length", [0, PREVIEW + 1, LARGE // 2])
def test_lists_show_a_small_text_whole(store: SqlStore, execution: Execution, length: int) -> None:
    assert preview(store, execution, Output("x" * length)) == Preview("x" * length)


def test_lists_show_how_a_large_text_begins(store: SqlStore, execution: Execution) -> None:
    shown = preview(store, execution, Output("\ud800" + "x" * LARGE))
    assert shown == Preview("\ud800" + "x" * (PREVIEW - 1), is_cut=True)


def test_a_short_text_with_much_data_is_shown_whole(store: SqlStore, execution: Execution) -> None:
    assert preview(store, execution, Output("brief", json="x" * LARGE)) == Preview("brief")


def test_lists_load_no_large_body(
    store: SqlStore, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zlib, "decompress", lambda _: pytest.fail("a body was loaded"))
    assert preview(store, execution, Output("x" * LARGE)).is_cut


def test_an_output_from_before_there_were_previews_has_one(
    store: SqlStore, execution: Execution
) -> None:
    output_id, at = str(uuid4()), execution.created_at
    output = Output("x" * LARGE)
    store.transact(lambda tx: tx.outputs.add(output_id, execution.id, output, at))
    with store._writer.begin() as connection:
        connection.execute(update(outputs).values(preview=None))

    found = store.read(lambda tx: tx.outputs.previews([output_id]))
    assert found == {output_id: Preview("x" * PREVIEW, is_cut=True)}
