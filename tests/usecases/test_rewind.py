"""An execution goes on from one of its checkpoints; what came after is superseded, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from world import World

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.domain.checkpoint import FORMAT_OF_CHANGES, Cause
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import (
    AlreadyAnswered,
    CannotRewind,
    Invalid,
    KeyReused,
    NotEntitled,
    UnknownCheckpoint,
    UnknownDeployment,
    UnknownExecution,
)
from orchestrator.jobs import RESUME
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.wire.requests import ForkBody

AWorld = Callable[..., World]

COMMITTED, REJECTED, SUPERSEDED = (
    TaskRunState.COMMITTED,
    TaskRunState.REJECTED,
    TaskRunState.SUPERSEDED,
)
DUE, UNDER_REVIEW = TaskRunState.DUE, TaskRunState.UNDER_REVIEW


def back_to(world: World, execution_id: str, number: int, key: str | None = None) -> Any:
    kept = IdempotencyKey(key, str(number)) if key else None
    return rewind(world.ports, Rewind(execution_id, number, "tests", EVERYWHERE, kept))


def ran(world: World) -> list[tuple[str, int]]:
    return [(work.path, work.round) for work in world.runner.chains]


def state(world: World, execution_id: str) -> ExecutionState:
    return world.snapshot(execution_id).execution.state


def states(world: World, execution_id: str) -> dict[str, list[TaskRunState]]:
    found: dict[str, list[TaskRunState]] = {}
    for run in world.snapshot(execution_id).runs:
        found.setdefault(run.path, []).append(run.state)
    return found


def finished(world: World) -> str:
    """An execution that ran to its end; of ``look``, ``write?`` and ``publish``."""
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=True, words="good")
    world.work()
    assert state(world, execution_id) is ExecutionState.SUCCEEDED
    world.runner.chains.clear()
    return execution_id


def test_what_came_after_runs_anew_and_nothing_before(a_world_of_each: AWorld) -> None:
    world = a_world_of_each("look", "write?", "publish")
    execution_id = finished(world)

    back_to(world, execution_id, 1)
    world.work()

    assert ran(world) == [("write", 2)]
    world.answer(execution_id, "write", approve=True)
    world.work()
    assert ran(world) == [("write", 2), ("publish", 2)]
    found = world.snapshot(execution_id)
    assert found.execution.state is ExecutionState.SUCCEEDED
    assert found.result is not None
    assert found.result.raw == "publish, round 2"


def test_what_came_after_is_kept(a_world: AWorld) -> None:
    world = a_world("look", "write?", "publish")
    execution_id = finished(world)
    before = timeline(world.ports, execution_id)[1]
    told = back_to(world, execution_id, 1)

    kept = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))
    assert [each.cause for each in kept] == [
        Cause.COMMIT,
        Cause.ASK,
        Cause.ANSWER,
        Cause.COMMIT,
        Cause.COMMIT,
        Cause.REWIND,
    ]
    assert told["superseded"] == [2, 3, 4, 5]
    assert kept[-1].format == FORMAT_OF_CHANGES
    assert timeline(world.ports, execution_id)[1][: len(before)] == before
    assert [each.path for each in world.snapshot(execution_id).committed] == ["look"]


def test_each_run_says_whether_what_it_did_still_stands(a_world: AWorld) -> None:
    world = a_world("look", "write?", "publish")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    world.answer(execution_id, "write", approve=True)
    world.work()

    back_to(world, execution_id, 3)
    assert states(world, execution_id) == {
        "look": [COMMITTED],
        "write": [REJECTED, SUPERSEDED, DUE],
        "publish": [SUPERSEDED],
    }
    back_to(world, execution_id, 2)
    assert states(world, execution_id)["write"] == [UNDER_REVIEW, SUPERSEDED, SUPERSEDED]
    back_to(world, execution_id, 1)
    assert states(world, execution_id)["write"] == [SUPERSEDED, SUPERSEDED, SUPERSEDED, DUE]


def test_words_that_were_taken_back_reach_nobody(a_world: AWorld) -> None:
    world = a_world("look", "write?", "publish")
    execution_id = finished(world)
    back_to(world, execution_id, 1)
    world.work()
    assert world.runner.chains[-1].answers == ()


def test_to_the_beginning_everything_runs_anew(a_world: AWorld) -> None:
    world = a_world("look", "write")
    execution_id = world.halted()
    back_to(world, execution_id, 0)
    world.work()
    assert ran(world) == [("look", 1), ("write", 1), ("look", 2), ("write", 2)]


def test_to_a_question_it_is_asked_again_about_the_same_output(a_world_of_each: AWorld) -> None:
    world = a_world_of_each("look", "write?", "publish")
    execution_id = finished(world)
    (asked,) = world.snapshot(execution_id).reviews

    back_to(world, execution_id, 2)

    found = world.snapshot(execution_id)
    assert found.execution.state is ExecutionState.PENDING_HUMAN_INPUT
    (again,) = (each.review for each in found.pending)
    assert (again.output_id, again.round) == (asked.output_id, asked.round)
    assert again.id != asked.id
    assert world.jobs == []
    world.answer(execution_id, again.id, approve=False, words="shorter")
    world.work()
    assert ran(world) == [("write", 2)]
    world.answer(execution_id, "write", approve=True)
    world.work()
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_to_a_rejection_the_task_runs_with_the_words_again(a_world: AWorld) -> None:
    world = a_world("write?", "publish")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    world.answer(execution_id, "write", approve=True)
    world.work()

    back_to(world, execution_id, 2)
    world.work()

    assert ran(world)[-1] == ("write", 3)
    assert [each.words for each in world.runner.chains[-1].previous_rounds] == ["shorter"]


def test_to_an_approval_is_to_the_commit_that_it_is(a_world: AWorld) -> None:
    world = a_world("look", "write?", "publish")
    execution_id = finished(world)
    back_to(world, execution_id, 3)
    world.work()
    assert ran(world) == [("publish", 2)]


def test_an_open_review_is_withdrawn_and_its_answer_comes_too_late(a_world: AWorld) -> None:
    world = a_world("look", "write?")
    execution_id = world.halted()
    (asked,) = world.snapshot(execution_id).pending

    back_to(world, execution_id, 1)

    with pytest.raises(AlreadyAnswered, match="withdrawn by tests"):
        world.answer(execution_id, asked.review.id, approve=True)
    world.work()
    assert ran(world) == [("look", 1), ("write", 1), ("write", 2)]


def test_the_result_of_a_run_that_was_taken_back_is_refused(a_world_of_each: AWorld) -> None:
    world = a_world_of_each("look", "write", "publish")
    execution_id = world.kickoff()
    world.run(world.jobs.pop(0))
    world.runner.before_answering = lambda: back_to(world, execution_id, 1)
    world.run(world.jobs.pop(0))

    found = world.snapshot(execution_id)
    assert [each.path for each in found.committed] == ["look"]
    writes = [run.state for run in found.runs if run.path == "write"]
    assert writes == [TaskRunState.SUPERSEDED, TaskRunState.DUE]
    world.work()
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_a_failed_execution_goes_on(a_world: AWorld) -> None:
    world = a_world("look", "write", max_attempts=1)
    execution_id = world.kickoff()
    world.run(world.jobs.pop(0))
    world.runner.behaviour = ValueError("no")
    world.work()
    world.runner.behaviour = None
    back_to(world, execution_id, 0)
    world.work()
    assert ran(world)[-2:] == [("look", 2), ("write", 2)]
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_it_may_be_rewound_again_and_to_where_it_was_rewound(a_world: AWorld) -> None:
    world = a_world("look", "write", "publish")
    execution_id = world.halted()
    back_to(world, execution_id, 1)
    world.work()
    back_to(world, execution_id, 4)
    world.work()
    assert ran(world)[3:] == [("write", 2), ("publish", 2), ("write", 3), ("publish", 3)]
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_what_was_superseded_is_no_place_to_go_back_to(a_world: AWorld) -> None:
    world = a_world("look", "write", "publish")
    execution_id = world.halted()
    back_to(world, execution_id, 1)
    with pytest.raises(CannotRewind) as refused:
        back_to(world, execution_id, 2)
    assert refused.value.message == (
        "Checkpoint 2 was superseded by a later rewind. Fork from it, or rewind to one that stands."
    )


def test_a_doubled_call_with_a_key_is_one(a_world_of_each: AWorld) -> None:
    world = a_world_of_each("look", "write")
    execution_id = world.halted()
    first = back_to(world, execution_id, 1, key="k")
    world.work()
    assert back_to(world, execution_id, 1, key="k") == first
    assert world.jobs == []
    assert ran(world)[2:] == [("write", 2)]
    with pytest.raises(KeyReused):
        back_to(world, execution_id, 0, key="k")


def why_not(world: World, execution_id: str, number: int) -> str:
    with pytest.raises(CannotRewind) as refused:
        back_to(world, execution_id, number)
    return refused.value.message


def test_what_cannot_be_rewound_says_why(a_world: AWorld) -> None:
    world = a_world("look", "write")
    execution_id = world.kickoff()
    not_begun = "It has not begun: there is nothing to go back over."
    assert why_not(world, execution_id, 0) == not_begun
    world.work()
    with pytest.raises(UnknownCheckpoint, match="1 to 2"):
        back_to(world, execution_id, 9)
    complete = "Nothing came after checkpoint 2: the execution is complete."
    assert why_not(world, execution_id, 2) == complete
    now = world.ports.clock.now()
    world.ports.store.transact(lambda tx: tx.executions.purged(execution_id, now))
    assert why_not(world, execution_id, 1) == "Its outputs were purged: kick off a new one."
    stopped = world.kickoff()
    stop(world.ports, EVERYWHERE, stopped, "tests")
    for_good = "It was stopped for good. Fork it: that is a new execution."
    assert why_not(world, stopped, 0) == for_good


def test_before_its_first_checkpoint_it_has_none_to_go_back_to(a_world: AWorld) -> None:
    world = a_world("look", max_attempts=1)
    world.runner.behaviour = ValueError("no")
    execution_id = world.halted()
    with pytest.raises(UnknownCheckpoint) as refused:
        back_to(world, execution_id, 1)
    assert refused.value.message == UnknownCheckpoint(1, 0).message


def test_whoever_may_not_see_it_rewinds_nothing(a_world: AWorld) -> None:
    world = a_world("look", "write")
    execution_id = world.halted()
    with pytest.raises(UnknownExecution):
        rewind(world.ports, Rewind(execution_id, 1, "tests", Scope.of("other")))


def test_whoever_may_only_look_rewinds_nothing(a_world: AWorld) -> None:
    world = a_world("look", "write")
    execution_id = world.halted()
    looks = Scope(frozenset(), frozenset({"crew"}))
    with pytest.raises(NotEntitled):
        rewind(world.ports, Rewind(execution_id, 1, "tests", looks))
    assert state(world, execution_id) is ExecutionState.SUCCEEDED


def test_what_nobody_declares_any_more_is_not_rewound(a_world: AWorld) -> None:
    world = a_world("look", "write")
    execution_id = world.halted()
    world.without_deployments()
    with pytest.raises(UnknownDeployment):
        back_to(world, execution_id, 1)


def test_it_says_what_was_taken_back_and_by_whom(a_world: AWorld) -> None:
    world = a_world("look", "write", "publish")
    execution_id = world.halted()
    assert back_to(world, execution_id, 1) == {
        "execution_id": execution_id,
        "checkpoint": 1,
        "superseded": [2, 3],
    }
    lines = timeline(world.ports, execution_id)[1]
    (line,) = (each for each in lines if each.event == "execution.rewind")
    assert (line.actor, line.details) == ("tests", {"checkpoint": 1, "superseded": 2})
    assert [job.name for job in world.jobs] == [RESUME]


@pytest.mark.parametrize(("number", "path"), [(0, ""), (1, "look"), (2, "write")])
def test_its_checkpoint_names_the_step_that_it_goes_back_to(
    a_world: AWorld, number: int, path: str
) -> None:
    world = a_world("look", "write", "publish")
    execution_id = world.halted()
    back_to(world, execution_id, number)
    kept = world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))
    assert (kept[-1].cause, kept[-1].path) == (Cause.REWIND, path)


def test_one_key_serves_a_rewind_and_a_fork_apart(a_world: AWorld) -> None:
    world = a_world("look", "write")
    execution_id = world.halted()
    key = IdempotencyKey("k", "body")
    asked = Fork(execution_id, ForkBody(checkpoint=1), "tests", "api", EVERYWHERE, key)
    fork(world.ports, asked)
    rewound = rewind(world.ports, Rewind(execution_id, 1, "tests", EVERYWHERE, key))
    assert rewound["superseded"] == [2]
    for call in ("fork", "rewind"):
        kept = world.ports.store.read(lambda tx, call=call: tx.keys.get("crew", call, "k"))  # type: ignore[misc]
        assert kept is not None


def test_rounds_that_a_rewind_began_are_not_counted_against_the_cap(a_world: AWorld) -> None:
    world = a_world("look", "write?", max_rounds=1)
    execution_id = world.halted()
    back_to(world, execution_id, 1)
    world.work()
    assert [each.review.round for each in world.snapshot(execution_id).pending] == [2]


def test_of_rounds_that_a_rewind_began_as_many_may_be_rejected_as_before(a_world: AWorld) -> None:
    world = a_world("look", "write?", max_rounds=2)
    execution_id = world.halted()
    back_to(world, execution_id, 1)
    world.work()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    with pytest.raises(Invalid, match="allows 2 rounds"):
        world.answer(execution_id, "write", approve=False)
    world.answer(execution_id, "write", approve=True)
    assert ran(world) == [("look", 1), ("write", 1), ("write", 2), ("write", 3)]


def test_rounds_that_people_asked_for_are_counted_against_a_cap_that_came_later(
    a_world: AWorld,
) -> None:
    world = a_world("write?")
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False)
    capped = replace(world.ports.deployments.get("crew"), max_rounds=1)
    world.ports = replace(world.ports, deployments=DeploymentFile({"crew": capped}))
    world.work()
    failed = world.snapshot(execution_id).execution
    assert failed.error is not None
    assert "'write' asks a person for round 2, and the deployment allows 1" in failed.error


def test_parallel_tasks_run_anew_where_they_had_not_ended(a_world: AWorld) -> None:
    world = a_world("~left?", "~right", "join")
    execution_id = world.kickoff()
    world.work()
    back_to(world, execution_id, 2)  # left was asked about, right ended after it or before
    world.work()
    world.answer(execution_id, "left", approve=True)
    world.work()
    assert state(world, execution_id) is ExecutionState.SUCCEEDED
    assert [path for path, _ in ran(world)].count("left") == 1
