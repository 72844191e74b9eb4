from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from world import World

from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.domain.task_run import TaskRunState
from orchestrator.errors import CannotRetry, UnknownDeployment, UnknownExecution
from orchestrator.jobs import RESUME
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.sweep import sweep

Later = Callable[[float], None]


def retry(world: World, execution_id: str) -> None:
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")


def ran(world: World) -> list[tuple[str, int]]:
    """The tasks that ran, each with its round."""
    return [(chain.task.name, chain.round) for chain in world.runner.chains]


@pytest.fixture
def failed(a_world: Callable[..., World]) -> tuple[World, str]:
    """An execution that failed in its last task, after a rejection and an approval."""
    world = a_world("look", "write?", "publish", max_attempts=1)
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.work()
    world.answer(execution_id, "write", approve=True)
    world.runner.behaviour = ValueError("no ink")
    world.work()
    world.runner.behaviour = None
    world.runner.chains.clear()
    assert world.snapshot(execution_id).execution.state is ExecutionState.FAILED
    return world, execution_id


def test_what_is_committed_does_not_run_again(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    retry(world, execution_id)
    world.work()
    assert ran(world) == [("publish", 1)]
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


def test_it_is_running_at_once_and_its_error_is_gone(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    retry(world, execution_id)
    execution = world.snapshot(execution_id).execution
    assert (execution.state, execution.error) == (ExecutionState.RUNNING, None)
    assert execution.finished_at is None


def test_the_failed_task_has_all_its_attempts_again(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    retry(world, execution_id)
    runs = [run for run in world.snapshot(execution_id).runs if run.task_name == "publish"]
    assert [(run.state, run.attempts) for run in runs] == [
        (TaskRunState.FAILED, 1),
        (TaskRunState.DUE, 0),
    ]


def test_it_may_fail_and_be_retried_again(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    world.runner.behaviour = ValueError("still no ink")
    for _ in range(2):
        retry(world, execution_id)
        world.work()
        assert world.snapshot(execution_id).execution.error


def test_a_rejected_task_that_failed_runs_in_its_round_again(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write?", max_attempts=1)
    execution_id = world.halted()
    world.answer(execution_id, "write", approve=False, words="shorter")
    world.runner.behaviour = ValueError("no ink")
    world.work()
    world.runner.behaviour = None
    retry(world, execution_id)
    world.work()
    assert ran(world)[-1] == ("write", 2)
    assert world.runner.chains[-1].previous_rounds[0].words == "shorter"


def test_an_expired_review_is_asked_again_without_running_the_task(
    a_world: Callable[..., World], later: Later
) -> None:
    world = a_world("write?", review_timeout=timedelta(minutes=1))
    execution_id = world.halted()
    later(61)
    sweep(world.ports)
    retry(world, execution_id)
    found = world.snapshot(execution_id)
    assert found.execution.state is ExecutionState.PENDING_HUMAN_INPUT
    expired, asked = found.reviews
    assert (asked.round, asked.output_id) == (expired.round, expired.output_id)
    assert asked.id != expired.id
    assert ran(world) == [("write", 1)]


def test_a_review_withdrawn_by_a_neighbours_failure_is_asked_again(
    a_world: Callable[..., World],
) -> None:
    world = a_world("~left?", "~right", "join", max_attempts=1)
    execution_id = world.kickoff()
    left, right = world.jobs
    world.run(left)
    world.runner.behaviour = ValueError("no ink")
    world.run(right)
    world.runner.behaviour = None
    world.jobs.clear()
    retry(world, execution_id)
    world.work()
    world.answer(execution_id, "left", approve=True)
    world.work()
    assert ran(world) == [("left", 1), ("right", 1), ("right", 1), ("join", 1)]
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


@pytest.mark.parametrize("ended", ["QUEUED", "STOPPED"])
def test_only_a_failed_execution_is_retried(a_world: Callable[..., World], ended: str) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    if ended == "STOPPED":
        stop(world.ports, EVERYWHERE, execution_id, "tests")
    why = f"Only a failed execution can be retried; this one is {ended}"
    with pytest.raises(CannotRetry, match=f"^{why}$"):
        retry(world, execution_id)


def test_what_was_purged_is_not_retried(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    now = world.ports.clock.now()
    world.ports.store.transact(lambda tx: tx.executions.purged(execution_id, now))
    with pytest.raises(CannotRetry, match=r"^Its outputs were purged: kick off a new one$"):
        retry(world, execution_id)


def test_another_deployments_execution_is_unknown(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    with pytest.raises(UnknownExecution):
        retry_execution(world.ports, Scope.of("other"), execution_id, "tests")


def test_what_nobody_declares_any_more_is_not_retried(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    world.without_deployments()
    with pytest.raises(UnknownDeployment):
        retry(world, execution_id)


def test_the_job_goes_on_and_the_timeline_says_who_asked(failed: tuple[World, str]) -> None:
    world, execution_id = failed
    retry(world, execution_id)
    assert [job.name for job in world.jobs] == [RESUME]
    lines = timeline(world.ports, execution_id)[1]
    (retried,) = (each for each in lines if each.event == "execution.retry")
    assert (retried.subject_id, retried.actor) == (execution_id, "tests")
