"""What an execution is made of is damaged, gone, or was written by a newer version."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Text, Update, delete, type_coerce, update
from structlog.testing import capture_logs
from world import World

from orchestrator.adapters.sql.schema import checkpoints, manifests, outputs, plans, task_runs
from orchestrator.domain.canonical import encode
from orchestrator.domain.checkpoint import FORMAT, FORMAT_OF_RENAMES
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.task_run import TaskRunState
from orchestrator.domain.webhooks import Subscriptions
from orchestrator.errors import Unreadable
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.snapshot import history
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.sweep import sweep

MEND = "Restore it from a backup, then retry the execution; or kick off a new one"
DAMAGED = b"\x00\x01 no deflated bytes"


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return a_world_of_each("look", "write?", "publish")


@pytest.fixture
def approved(world: World) -> str:
    """An execution whose last task is due: its job waits in the queue."""
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True)
    assert len(world.jobs) == 1
    return execution_id


def write(world: World, *statements: Any) -> None:
    """Change rows behind the service's back, and let it forget what it knows."""
    with world.ports.store._writer.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    world.ports.store.forget()


def damaged_outputs() -> Update:
    return update(outputs).values(body=type_coerce(DAMAGED, LargeBinary))


def plan_is_gone() -> tuple[Any, ...]:
    return update(manifests).values(plan_digest=None), delete(plans)


POISONS = {
    "format": (update(checkpoints).values(format=0),),
    "checkpoint": (update(checkpoints).values(usage=type_coerce("{]", Text)),),
    "state": (update(checkpoints).values(state=type_coerce(DAMAGED, LargeBinary)),),
    "output": (damaged_outputs(),),
    "no output": (delete(outputs),),
    "plan": (update(plans).values(body=type_coerce("{]", Text)),),
    "no plan": plan_is_gone(),
}


@pytest.mark.parametrize("poison", POISONS)
def test_an_execution_that_cannot_be_read_fails_with_a_reason(
    world: World, approved: str, poison: str
) -> None:
    write(world, *POISONS[poison])
    with capture_logs() as lines:
        world.work()

    execution = world.snapshot(approved).execution
    assert execution.state is ExecutionState.FAILED
    (line,) = (each for each in lines if each["event"] == "execution cannot go on")
    (run,) = (each for each in world.snapshot(approved).runs if each.error)
    assert (line["task_run_id"], run.error) == (run.id, f"{line['reason']}. {MEND}")
    assert execution.error == f"Task 'publish' failed after 1 attempt: {run.error}"
    sweep(world.ports)
    assert world.jobs == []


def test_an_execution_ends_with_its_result_and_reads_no_other_output(
    world: World, approved: str
) -> None:
    world.runner.before_answering = lambda: write(world, delete(outputs))

    world.work()

    assert world.snapshot(approved).execution.state is ExecutionState.SUCCEEDED


@pytest.mark.parametrize("poison", POISONS)
def test_its_record_can_be_read(world: World, approved: str, poison: str) -> None:
    write(world, *POISONS[poison])

    shown, entries = history(world.ports, approved)
    assert [task.name for task in shown.committed] == ["look", "write"]
    assert entries


def test_it_cannot_be_retried_and_says_why(world: World, approved: str) -> None:
    write(world, *plan_is_gone())
    world.work()

    with pytest.raises(Unreadable, match="is gone"):
        retry_execution(world.ports, EVERYWHERE, approved, "tests")


def test_what_a_newer_version_wrote_is_left_to_that_version(world: World, approved: str) -> None:
    write(world, update(checkpoints).values(format=FORMAT_OF_RENAMES + 1))
    with capture_logs() as lines:
        world.work()

    last = world.ports.store.read(lambda tx: tx.task_runs.of(approved))[-1]
    assert (last.state, last.attempts) == (TaskRunState.DUE, 0)
    (line,) = (each for each in lines if each["event"] == "left to a newer version")
    assert (line["task_run_id"], "newer" in line["reason"]) == (last.id, True)
    (finding,) = (each for each in examine(world.ports) if each.check == "stored")
    assert approved in finding.says
    assert finding.mend == "Upgrade the crew workers"

    write(
        world,
        update(checkpoints).values(format=FORMAT),
        update(task_runs).values(wake_at=last.due_at),
    )
    sweep(world.ports)
    world.work()
    assert world.snapshot(approved).execution.state is ExecutionState.SUCCEEDED


def test_the_doctor_names_an_execution_that_has_an_unreadable_checkpoint_further_back(
    world: World, approved: str
) -> None:
    write(world, update(checkpoints).where(checkpoints.c.number == 1).values(format=0))

    (finding,) = (each for each in examine(world.ports) if each.check == "stored")
    assert finding.says.startswith("1 executions")
    assert approved in finding.says


def test_the_doctor_names_an_execution_whose_plan_is_gone(world: World) -> None:
    execution_id = world.halted()
    write(world, *plan_is_gone())

    (finding,) = (each for each in examine(world.ports) if each.check == "stored")
    assert execution_id in finding.says
    assert finding.is_wrong


def test_fields_of_a_newer_version_are_ignored(world: World, approved: str) -> None:
    plan = dict(world.runner.the_plan.to_json(), later=1)
    plan["tasks"] = [dict(task, later=1) for task in plan["tasks"]]
    output = zlib.compress(encode(dict(Output("a").to_json(), later=1)))
    write(
        world,
        update(plans).values(body=plan),
        update(outputs).values(body=type_coerce(output, LargeBinary)),
    )
    world.work()

    assert world.snapshot(approved).execution.state is ExecutionState.SUCCEEDED
    told = {"task": "an endpoint", "later": 1}
    assert Subscriptions.from_json(told) == Subscriptions(task="an endpoint")
