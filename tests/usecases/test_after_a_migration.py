"""What people do with an execution whose tasks were renamed while it waited."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from calling import LOOK, MODEL, PAY
from policies import ANN, BEN, people, recipients_of
from renamed_code import RAN
from renamed_world import (
    RENAMED,
    committed,
    deploys,
    migrations,
    numbers,
    open_review,
    ran,
    require_sound,
    rewound,
    state_of,
    told,
)
from sqlalchemy import update
from world import World, plan_of

from orchestrator.adapters.sql.schema import checkpoints
from orchestrator.domain.calls import ToolRules
from orchestrator.domain.checkpoint import FORMAT, Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.review_policy import ReviewPolicy, Rule
from orchestrator.errors import Unreadable
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.operations.purge import purge
from orchestrator.usecases.reviews.locked_review import Act
from orchestrator.usecases.reviews.reroute import reroute
from orchestrator.wire.requests import ForkBody, parse

FOR_THE_NEW_NAME = ReviewPolicy(
    (Rule(match="draft", ask=people(BEN)), Rule(match="*", ask=people(ANN)))
)


def finished(begun: Any) -> tuple[World, str]:
    """An execution that was migrated, and went on to its end."""
    world: World = begun("crew_before")
    execution_id = world.halted()
    deploys(world, "crew_after", RENAMED)
    world.answer(execution_id, "draft", approve=True)
    world.work()
    assert state_of(world, execution_id) is ExecutionState.SUCCEEDED
    RAN.clear()
    return world, execution_id


def test_a_rewind_to_before_the_migration_has_the_new_names(begun: Any) -> None:
    world, execution_id = finished(begun)
    found = numbers(world, execution_id)
    rewound(world, execution_id, found[Cause.ASK, "draft"])

    again = open_review(world, execution_id)
    assert again.task_name == "draft"
    world.answer(execution_id, "draft", approve=True, words="Once more")
    world.work()
    assert ran() == ["print"]
    assert told("print").outputs == {"research": "research 1", "draft": "write 1"}
    rewound(world, execution_id, 0)
    assert ran() == ["print", "research", "draft"]
    assert len(migrations(world, execution_id)) == 1
    require_sound(world)


def test_a_rewind_to_the_migration_itself_goes_on_from_there(begun: Any) -> None:
    world, execution_id = finished(begun)
    rewound(world, execution_id, numbers(world, execution_id)[Cause.MIGRATE, ""])
    world.answer(execution_id, "draft", approve=True)
    world.work()
    assert ran() == ["print"]


def test_a_rewind_of_what_waits_migrates_it(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    deploys(world, "crew_after", RENAMED)
    rewound(world, execution_id, 1)
    assert ran() == ["research", "write", "draft"]
    assert open_review(world, execution_id).task_name == "draft"


@pytest.mark.parametrize("migrated_first", [True, False])
def test_a_fork_has_the_new_names(begun: Any, migrated_first: bool) -> None:  # noqa: FBT001
    if migrated_first:
        world, execution_id = finished(begun)
    else:
        world = begun("crew_before")
        execution_id = world.halted()
        deploys(world, "crew_after", RENAMED)
    asked = {cause: n for (cause, _), n in numbers(world, execution_id).items()}[Cause.ASK]
    body = parse(ForkBody, {"checkpoint": asked})
    forked = str(fork(world.ports, Fork(execution_id, body, "tests", "tests"))["execution_id"])
    world.answer(forked, "draft", approve=True)
    world.work()
    assert committed(world, forked) == ["research", "draft", "print"]
    assert told("print").outputs == {"research": "research 1", "draft": "write 1"}
    assert len(migrations(world, forked)) == (0 if migrated_first else 1)
    require_sound(world)


def test_a_fork_and_a_rewind_leave_the_migration_where_it_is(begun: Any) -> None:
    world, execution_id = finished(begun)
    found = numbers(world, execution_id)
    body = parse(ForkBody, {"checkpoint": found[Cause.COMMIT, "print"]})
    forked = str(fork(world.ports, Fork(execution_id, body, "tests", "tests"))["execution_id"])
    assert (Cause.MIGRATE, "") not in numbers(world, forked)
    entries = world.ports.store.read(lambda tx: tx.checkpoints.of(forked))
    plan = world.snapshot(execution_id).execution.plan_digest
    assert {each.plan_digest for each in entries} == {plan}
    asked = found[Cause.ASK, "draft"]
    superseded = rewind(world.ports, Rewind(execution_id, asked, "tests"))["superseded"]
    after = [(Cause.ANSWER, "draft"), (Cause.COMMIT, "draft"), (Cause.COMMIT, "print")]
    assert superseded == [found[each] for each in after]


def test_what_is_asked_again_is_asked_by_the_new_name(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True)
    world.work()
    asked = numbers(world, execution_id)[Cause.ASK, "write"]
    deploys(world, "crew_after", RENAMED)
    rewind(world.ports, Rewind(execution_id, asked, "tests"))
    assert open_review(world, execution_id).task_name == "draft"


def test_those_whom_the_rules_name_for_the_new_name_are_asked_in_a_fork(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    deploys(world, "crew_after", RENAMED, review_policy=FOR_THE_NEW_NAME)
    asked = numbers(world, execution_id)[Cause.ASK, "write"]
    body = parse(ForkBody, {"checkpoint": asked})
    forked = str(fork(world.ports, Fork(execution_id, body, "tests", "tests"))["execution_id"])
    assert list(recipients_of(world, open_review(world, forked))) == [BEN]


def test_whom_the_rules_name_for_the_new_name_a_reroute_asks(begun: Any) -> None:
    world = begun("crew_before")
    review = open_review(world, world.halted())
    deploys(world, "crew_after", RENAMED, review_policy=FOR_THE_NEW_NAME)
    rerouted = reroute(world.ports, Act(review.id, EVERYWHERE, "tests"))
    assert rerouted.task_name == "draft"
    assert list(recipients_of(world, rerouted)) == [BEN]


def test_a_retry_asks_again_by_the_new_name(begun: Any) -> None:
    world = begun("beside_before")
    execution_id = world.kickoff()
    world.run(world.jobs.pop(0))
    deploys(world, "beside_other")
    world.work()
    assert state_of(world, execution_id) is ExecutionState.FAILED
    deploys(world, "beside_after", {"left": "port", "right": "starboard"})
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")
    assert open_review(world, execution_id).task_name == "port"


def test_a_purge_leaves_a_sound_record_and_readable_names(begun: Any) -> None:
    world, execution_id = finished(begun)
    world.ports = replace(world.ports, keep_finished=timedelta())
    while purge(world.ports):
        pass
    assert world.snapshot(execution_id).execution.purged_at is not None
    assert committed(world, execution_id) == ["research", "draft", "print"]
    (line,) = migrations(world, execution_id)
    assert line.details["renamed"] == RENAMED
    require_sound(world)


def test_a_retry_after_the_migration_runs_nothing_committed_again(begun: Any) -> None:
    world = begun("crew_before")
    execution_id = world.halted()
    deploys(world, "crew_after", RENAMED, max_attempts=1)
    world.answer(execution_id, "draft", approve=True)
    run = world.runner.run

    def fails(*_: Any) -> Any:
        raise OSError("the disk is full")

    world.runner.run = fails
    world.work()
    failed = world.snapshot(execution_id).execution
    assert failed.error == "Task 'print' failed after 1 attempt: OSError: the disk is full"
    world.runner.run = run
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")
    world.work()
    assert ran() == ["research", "write", "print"]
    assert state_of(world, execution_id) is ExecutionState.SUCCEEDED


def test_a_flow_goes_on_as_if_its_methods_had_always_had_their_names(begun: Any) -> None:
    world = begun("flow_before")
    execution_id = world.halted()
    asked = open_review(world, execution_id)
    assert asked.path == "review#1"
    deploys(world, "flow_after", {"draft": "sketch", "review": "judge"})

    world.say(execution_id, "judge", human_feedback="revise")
    world.work()
    again = open_review(world, execution_id)
    assert (again.path, again.task_name, again.round) == ("judge#2", "judge", 2)
    assert world.snapshot(execution_id).current_task == "judge"
    world.say(execution_id, again.id, human_feedback="go")
    world.work()
    assert state_of(world, execution_id) is ExecutionState.SUCCEEDED
    assert ran() == ["draft", "review", "sketch", "judge", "publish"]
    steps = ["sketch#1", "judge#1", "sketch#2", "judge#2", "publish#1"]
    assert committed(world, execution_id) == steps
    assert len(migrations(world, execution_id)) == 1
    require_sound(world)


def test_a_flow_that_is_rewound_to_before_its_migration_replays_what_it_had(begun: Any) -> None:
    world = begun("flow_before")
    execution_id = world.halted()
    deploys(world, "flow_after", {"draft": "sketch", "review": "judge"})
    world.say(execution_id, "judge", human_feedback="go")
    world.work()
    found = numbers(world, execution_id)
    rewound(world, execution_id, found[Cause.COMMIT, "sketch#1"])
    assert ran() == ["draft", "review", "publish", "judge"]
    assert open_review(world, execution_id).path == "judge#1"
    forked = Fork(execution_id, parse(ForkBody, {"checkpoint": 2}), "tests", "tests")
    other = str(fork(world.ports, forked)["execution_id"])
    world.say(other, "judge", human_feedback="go")
    world.work()
    assert committed(world, other) == ["sketch#1", "judge#1", "publish#1"]


def test_versions_that_know_of_no_migrations_leave_the_execution_alone(begun: Any) -> None:
    world, execution_id = finished(begun)
    found = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))
    formats = {each.cause: each.format for each in found}
    assert formats[Cause.MIGRATE] == FORMAT + 2
    assert formats[Cause.COMMIT] == FORMAT


def test_calls_that_were_journalled_under_the_old_name_are_found(calling: Any) -> None:
    rules = ToolRules(approval=("pay*",))
    world, caller = calling("write", "publish", tools=rules)
    execution_id = world.halted()
    assert open_review(world, execution_id).path == "write"
    caller.the_plan = plan_of("draft", "print")
    deploys(world, "crew_after", RENAMED)

    world.answer(execution_id, "draft", approve=True)
    world.run(world.jobs.pop(0))
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]
    assert committed(world, execution_id) == ["draft"]
    assert world.snapshot(execution_id).saved["model_calls"] == 2


def test_words_that_a_model_weighs_meanwhile_count(begun: Any) -> None:
    world = begun("flow_before")
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="Why not")
    world.runner.says = "go"
    deploys(world, "flow_after", {"draft": "sketch", "review": "judge"})
    world.work()
    assert state_of(world, execution_id) is ExecutionState.SUCCEEDED
    weighed = [run.task_name for run in world.snapshot(execution_id).runs if run.weighs]
    assert weighed == ["judge"]
    assert world.snapshot(execution_id).reviews[0].outcome == "go"


@pytest.mark.parametrize("change", [None, {}, {"renamed": 3, "flow": False}])
def test_a_migration_that_is_damaged_is_said_to_be(begun: Any, change: Any) -> None:
    world, execution_id = finished(begun)
    damaged = update(checkpoints).where(checkpoints.c.cause == Cause.MIGRATE)
    with world.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        connection.execute(damaged.values(change=change))
    with pytest.raises(Unreadable, match="Checkpoint 3 is damaged"):
        numbers(world, execution_id)
