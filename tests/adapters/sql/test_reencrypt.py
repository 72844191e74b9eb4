"""Outputs encrypted at rest, switched on and off; keys that are dropped. In both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from calling import PAY, Caller, die_once, dies
from sqlalchemy import Connection, LargeBinary, Table, Text, select, type_coerce
from world import World, plan_of, world_over

from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.schema import calls, deliveries, endpoints, outputs, reviews
from orchestrator.domain.calls import ToolRules
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import LARGE, Output
from orchestrator.errors import Sealed
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.reencrypt import reencrypt

WEBHOOK = {"url": "https://hooks.example/a", "events": ["crew_kickoff_finished"]}

UNASKED, ASKED, ONCE = ToolRules(), ToolRules(approval=(PAY,)), ToolRules(once=(PAY,))

Restart = Callable[..., World]


@pytest.fixture
def restart(database: str) -> Iterator[Restart]:
    """A new process with these secret keys, on the same database."""
    worlds = {
        rules: world_over(database, plan_of("write?", "print"), tools=rules)
        for rules in (UNASKED, ASKED, ONCE)
    }
    made = []

    def run(keys: str, *, encrypt: bool = False, tools: ToolRules = UNASKED) -> World:
        world = worlds[tools]
        cipher = Cipher(keys, encrypt_outputs=encrypt)
        store = make_store(database, publish=world.jobs.append, cipher=cipher)
        made.append(store)
        world.ports = replace(world.ports, store=store)
        return world

    for world in worlds.values():
        world.ports.store.dispose()
    yield run
    for store in made:
        store.dispose()


def stored(rows: Connection, table: Table, column: str) -> list[bytes]:
    kind = Text if column in ("preview", "question") else LargeBinary
    raw = type_coerce(table.c[column], kind)
    found = rows.execute(select(raw).where(table.c[column].is_not(None))).scalars()
    read = [each.encode() if isinstance(each, str) else bytes(each) for each in found]
    rows.rollback()
    return read


def all_stored(rows: Connection) -> list[bytes]:
    places = [(outputs, "body"), (outputs, "preview"), (deliveries, "body"), (endpoints, "url")]
    return [each for table, column in places for each in stored(rows, table, column)]


def large(world: World, execution_id: str) -> str:
    """Add an output that has a preview."""
    text = "long " * LARGE
    world.ports.store.transact(
        lambda tx: tx.outputs.add("the-long-one", execution_id, Output(text), tx.now())
    )
    return text


def finish(world: World, execution_id: str) -> ExecutionState:
    world.answer(execution_id, "write", approve=True)
    world.work()
    return world.snapshot(execution_id).execution.state


def test_encrypted_outputs_are_read_and_do_not_lie_there_as_they_are(
    restart: Restart, rows: Connection
) -> None:
    world = restart("old", encrypt=True)
    execution_id = world.halted(webhooks=WEBHOOK)
    text = large(world, execution_id)
    read = world.ports.store.read(
        lambda tx: (tx.outputs.get(["the-long-one"]), tx.outputs.previews(["the-long-one"]))
    )
    assert read[0]["the-long-one"].raw == text
    assert read[1]["the-long-one"].text.startswith("long long")
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED
    assert all(each.startswith(b"gAAAA") for each in all_stored(rows))


@pytest.mark.parametrize("before", [True, False])
def test_the_setting_is_switched_while_executions_wait(
    restart: Restart,
    rows: Connection,
    before: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    execution_id = restart("old", encrypt=before).halted()
    world = restart("old", encrypt=not before)
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED
    mixed = {each.startswith(b"gAAAA") for each in stored(rows, outputs, "body")}
    assert mixed == {True, False}
    assert reencrypt(world.ports).is_complete
    converted = {each.startswith(b"gAAAA") for each in stored(rows, outputs, "body")}
    assert converted == {not before}
    assert world.snapshot(execution_id).result.raw == "print, round 1"  # type: ignore[union-attr]


def test_after_a_reencryption_the_oldest_key_can_be_dropped(
    restart: Restart, rows: Connection
) -> None:
    world = restart("old", encrypt=True)
    execution_id = world.halted(webhooks=WEBHOOK, humanInputWebhook={"url": WEBHOOK["url"]})
    large(world, execution_id)
    ids = named(world)
    done = reencrypt(restart("new,old", encrypt=True).ports)
    assert done.is_complete
    assert done.written["outputs"] == 2
    assert {"URLs of endpoints", "webhooks", "beginnings of outputs"} <= done.written.keys()

    assert all(Cipher("new").key_of(each) == 0 for each in all_stored(rows))
    world = restart("new", encrypt=True)
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED
    world.halted(webhooks=WEBHOOK, humanInputWebhook={"url": WEBHOOK["url"]})
    assert named(world) == ids


def named(world: World) -> set[str]:
    """The ids of the endpoints; those without a URL that can be read count as none."""
    found = world.ports.store.read(lambda tx: tx.endpoints.page(None, None, 10))
    assert not any(each.is_sealed for each in found)
    return {each.id for each in found}


def test_a_second_reencryption_writes_nothing(restart: Restart) -> None:
    restart("old", encrypt=True).halted(webhooks=WEBHOOK)
    world = restart("new,old", encrypt=True)
    assert reencrypt(world.ports).written
    assert reencrypt(world.ports).written == {}


def test_one_that_was_broken_off_is_begun_again(restart: Restart) -> None:
    restart("old", encrypt=True).halted(webhooks=WEBHOOK)
    world = restart("new,old", encrypt=True)

    def break_off(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reencrypt(world.ports, break_off)
    assert reencrypt(world.ports).is_complete


def test_what_changed_meanwhile_is_not_overwritten(restart: Restart, rows: Connection) -> None:
    execution_id = restart("old", encrypt=True).halted()
    world = restart("new,old", encrypt=True)
    batch = world.ports.store.read(lambda tx: tx.secrets.outdated("outputs", None))
    world.ports.store.transact(lambda tx: tx.outputs.purge(execution_id))
    before = stored(rows, outputs, "body")
    assert world.ports.store.transact(lambda tx: tx.secrets.rewrite("outputs", batch.rewrites)) == 0
    assert stored(rows, outputs, "body") == before


def test_what_no_key_opens_is_counted_and_left(restart: Restart, rows: Connection) -> None:
    restart("lost", encrypt=True).halted()
    before = stored(rows, outputs, "body")
    done = reencrypt(restart("new", encrypt=True).ports)
    assert (done.sealed, done.is_complete) == (1, False)
    assert stored(rows, outputs, "body") == before


def test_without_the_key_an_execution_waits_and_does_not_fail(restart: Restart) -> None:
    world = restart("old", encrypt=True)
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True)
    due = list(world.jobs)
    world = restart("wrong")
    world.work()
    assert world.snapshot(execution_id).execution.state is ExecutionState.RUNNING
    world = restart("wrong,old")
    world.jobs[:] = due
    world.hurry()
    world.work()
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


def test_without_the_key_an_output_says_why_it_is_not_shown(restart: Restart) -> None:
    world = restart("old", encrypt=True)
    large(world, world.halted())
    world = restart("wrong")
    with pytest.raises(Sealed, match="ORCHESTRATOR_SECRET_KEY"):
        world.ports.store.read(lambda tx: tx.outputs.get(["the-long-one"]))


def test_doctor_says_which_keys_are_in_use(restart: Restart) -> None:
    restart("old", encrypt=True).halted()
    world = restart("new,old", encrypt=True)
    assert "key 2 of ORCHESTRATOR_SECRET_KEY" in keys(world)
    reencrypt(world.ports)
    assert "key 2" not in keys(world)


def keys(world: World) -> str:
    return " ".join(each.says for each in examine(world.ports) if each.check == "secret key")


def cut_off(world: World) -> str:
    """An execution whose worker died as it made its fourth call, with a journal of three."""
    runner = Caller(world.runner.the_plan)
    world.ports.runners["functions"] = runner  # type: ignore[index]
    execution_id = world.kickoff()
    runner.at[4] = dies
    die_once(world)
    return execution_id


def journal(rows: Connection) -> list[bytes]:
    return stored(rows, calls, "answer")


def test_the_journal_is_encrypted_as_outputs_are(restart: Restart, rows: Connection) -> None:
    world = restart("old", encrypt=True)
    execution_id = cut_off(world)
    assert len(journal(rows)) == 3
    assert all(each.startswith(b"gAAAA") for each in journal(rows))
    world.work()
    assert caller(world).made == ["model", "look", "model", "pay", "model"]
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED


def caller(world: World) -> Caller:
    runner: Any = world.ports.runners["functions"]
    assert isinstance(runner, Caller)
    return runner


def test_what_a_tool_would_be_given_is_encrypted_and_read(
    restart: Restart, rows: Connection
) -> None:
    world = restart("old", encrypt=True, tools=ASKED)
    runner = Caller(world.runner.the_plan)
    world.ports.runners["functions"] = runner  # type: ignore[index]
    execution_id = world.halted()
    (given,) = stored(rows, calls, "arguments")
    assert given.startswith(b"gAAAA")
    world.answer(execution_id, "write", approve=True)
    world.work()
    assert runner.given == [{"for": 4}]


def in_doubt(world: World) -> str:
    """An execution in which a person is asked what became of a tool's call."""
    execution_id = cut_off(world)
    world.work()
    return execution_id


def shown(world: World, execution_id: str) -> Any:
    (pending,) = world.snapshot(execution_id).pending
    return pending.review.question.metadata["arguments"]


def test_what_a_question_shows_beside_the_output_is_encrypted_and_read(
    restart: Restart, rows: Connection
) -> None:
    world = restart("old", encrypt=True, tools=ONCE)
    execution_id = in_doubt(world)
    (question,) = stored(rows, reviews, "question")
    assert b'"for"' not in question
    assert b"Did 'pay' take effect?" in question
    assert shown(world, execution_id) == {"for": 4}


@pytest.mark.parametrize("encrypt", [True, False])
def test_what_a_question_shows_goes_with_the_newest_key_and_the_setting(
    restart: Restart,
    rows: Connection,
    encrypt: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    execution_id = in_doubt(restart("old", encrypt=True, tools=ONCE))
    world = restart("new,old", encrypt=encrypt, tools=ONCE)
    assert reencrypt(world.ports).written["what questions show"] == 1
    assert reencrypt(world.ports).written == {}
    (question,) = stored(rows, reviews, "question")
    assert (b'"for"' in question) is not encrypt
    world = restart("new", encrypt=encrypt, tools=ONCE)
    assert shown(world, execution_id) == {"for": 4}
    world.say(execution_id, "write", outcome="run-again")
    world.work()
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED


def test_what_a_question_shows_is_not_lost_where_no_key_opens_it(
    restart: Restart, rows: Connection
) -> None:
    execution_id = in_doubt(restart("old", encrypt=True, tools=ONCE))
    before = stored(rows, reviews, "question")
    world = restart("wrong", encrypt=True, tools=ONCE)
    assert world.snapshot(execution_id).pending[0].review.question.options
    assert not reencrypt(world.ports).is_complete
    assert stored(rows, reviews, "question") == before


def test_a_journal_is_read_after_its_key_was_dropped(restart: Restart, rows: Connection) -> None:
    world = restart("old", encrypt=True)
    execution_id = cut_off(world)
    due = list(world.jobs)
    done = reencrypt(restart("new,old", encrypt=True).ports)
    assert done.written["answers in the journal"] == 3
    assert all(Cipher("new").key_of(each) == 0 for each in journal(rows))
    world = restart("new", encrypt=True)
    world.jobs[:] = due
    world.work()
    assert caller(world).made == ["model", "look", "model", "pay", "model"]
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED


def test_a_task_waits_for_the_key_of_its_journal(restart: Restart, rows: Connection) -> None:
    world = restart("old", encrypt=True)
    execution_id = cut_off(world)
    due = list(world.jobs)
    world = restart("wrong")
    world.jobs[:] = due
    world.work()
    assert caller(world).made == ["model", "look", "model"]
    world = restart("wrong,old")
    world.hurry()
    world.jobs[:] = due
    world.work()
    assert caller(world).made == ["model", "look", "model", "pay", "model"]
    assert finish(world, execution_id) is ExecutionState.SUCCEEDED
