"""Workers with different code side by side, as in a rolling deploy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Text, type_coerce, update
from world import NoLease, WorkerDied, World, plan_of

from orchestrator.adapters.sql.schema import plans, task_runs, worker_processes
from orchestrator.domain import retry
from orchestrator.domain.deployment import Deployment, Manifest
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.plan import Plan
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import DeploymentBroken, TaskFailed
from orchestrator.usecases.executions.changed_code import STEP_ASIDE_EVERY, Turns, require_same_code
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.operations.sweep import sweep
from workers.lease_keeper import ThreadLeaseKeeper

OLD = plan_of("write", "publish")
NEW = plan_of("write", "check", "publish")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return a_world_of_each("write", "publish")


def starts(world: World, worker: str, plan: Plan) -> Worker:
    """A worker process has loaded the crew, and says so."""
    manifest = Manifest("crew", plan, None, world.ports.clock.now(), worker)
    world.ports.store.transact(lambda tx: tx.manifests.put(manifest))
    signs(world, worker, plan)
    return Worker(worker, NoLease(), lambda _: plan)


def signs(world: World, worker: str, plan: Plan) -> None:
    world.ports.store.transact(
        lambda tx: tx.workers.loaded(f"{worker}/1", worker, {"crew": plan.digest})
    )


def dies(world: World, worker: str) -> None:
    """A worker is killed, and that was a while ago."""
    dead = update(worker_processes).where(worker_processes.c.worker == worker)
    with world.ports.store._writer.begin() as connection:
        connection.execute(dead.values(seen_at=LONG_AGO))


def take(world: World, worker: Worker) -> None:
    """A worker takes the next job."""
    arguments = world.jobs.pop(0).arguments
    run_task(world.ports, worker, arguments["execution_id"], arguments["task_run_id"])


def published_again(world: World) -> None:
    """Time passes, and the sweep comes by."""
    assert world.jobs == []
    with world.ports.store._writer.begin() as connection:
        connection.execute(update(task_runs).values(wake_at=task_runs.c.due_at))
    sweep(world.ports)


def newest_run(world: World, execution_id: str) -> TaskRun:
    return world.ports.store.read(lambda tx: tx.task_runs.of(execution_id))[-1]


def test_a_worker_leaves_a_run_to_one_whose_code_fits(world: World) -> None:
    old = starts(world, "old", OLD)
    new = starts(world, "new", NEW)
    execution_id = world.kickoff()

    take(world, old)
    left = newest_run(world, execution_id)
    assert (left.state, left.claim_no, left.attempts, left.error) == (TaskRunState.DUE, 0, 0, None)
    assert left.publishes == 1
    assert left.wake_at - world.ports.clock.now() <= timedelta(minutes=1)
    assert world.snapshot(execution_id).execution.state is ExecutionState.QUEUED

    take(world, new)
    assert newest_run(world, execution_id).task_name == "check"


def test_a_run_that_comes_back_at_once_is_put_off_for_a_moment(world: World) -> None:
    old = starts(world, "old", OLD)
    starts(world, "new", NEW)
    execution_id = world.kickoff()
    take(world, old)
    take(world, old)

    assert world.jobs == []
    left = newest_run(world, execution_id)
    assert left.wake_at - world.ports.clock.now() < timedelta(seconds=5)
    assert left.publishes == 0
    published_again(world)
    assert len(world.jobs) == 1


class CountedTurns(Turns):
    """Steps aside without waiting, and counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def step_aside(self) -> None:
        self._last = time.monotonic()
        self.taken += 1


def test_a_worker_steps_aside_no_more_often_than_it_may(world: World) -> None:
    turns = CountedTurns()
    old = replace(starts(world, "old", OLD), turns=turns)
    starts(world, "new", NEW)
    world.kickoff()
    take(world, old)
    take(world, old)
    assert turns.taken == 1


def test_a_process_that_just_stepped_aside_does_not_do_so_again_at_once() -> None:
    turns = Turns()
    assert turns.may_step_aside
    turns.step_aside()
    turns._last += 3_600
    assert not turns.may_step_aside
    turns._last -= 3_600 + STEP_ASIDE_EVERY
    assert turns.may_step_aside


def test_only_when_none_is_left_the_policy_decides(world: World) -> None:
    old = starts(world, "old", OLD)
    starts(world, "new", NEW)
    execution_id = world.kickoff()
    dies(world, "new")

    take(world, old)
    failed = world.snapshot(execution_id)
    assert failed.execution.state is ExecutionState.FAILED
    (run,) = failed.runs
    why = (
        "The code of deployment 'crew' changed since this execution began (tasks then: write, "
        "check, publish; now: write, publish). Deploy the earlier code, then retry the execution; "
        "or kick off a new one."
    )
    assert (run.attempts, run.error) == (1, why)


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_worker_whose_plan_cannot_be_read_is_nobody_to_leave_anything_to(
    world: World, *, is_gone: bool
) -> None:
    old = starts(world, "old", OLD)
    starts(world, "new", NEW)
    execution_id = world.kickoff()
    dies(world, "new")
    unread = plan_of("write", "print")
    if is_gone:
        signs(world, "third", unread)
    else:
        starts(world, "third", unread)
        hurt = update(plans).where(plans.c.digest == unread.digest)
        with world.ports.store._writer.begin() as connection:
            connection.execute(hurt.values(body=type_coerce("{]", Text)))
        world.ports.store.forget()

    take(world, old)
    assert world.snapshot(execution_id).execution.state is ExecutionState.FAILED


def test_all_that_does_not_fit_of_what_was_renamed_is_told() -> None:
    renamed = {"write": "draft", "print": "post"}
    crew = Deployment("crew", "functions", "no:where", renamed=renamed)
    why = crew.misfits(OLD, NEW)
    assert len(why) > 1
    with pytest.raises(TaskFailed) as failed:
        require_same_code(crew, OLD, NEW)
    assert failed.value.message == (
        "The code of deployment 'crew' changed since this execution began (tasks then: write, "
        "publish; now: write, check, publish). What the deployment has as 'renamed' does not fit: "
        f"{'; '.join(why)}. Deploy the earlier code, then retry the execution; or kick off a new "
        "one."
    )
    assert not failed.value.retryable


def test_a_worker_that_ended_is_nobody_to_leave_anything_to(world: World) -> None:
    old = starts(world, "old", OLD)
    starts(world, "new", NEW)
    execution_id = world.kickoff()
    world.ports.store.transact(lambda tx: tx.workers.gone("new"))

    take(world, old)
    assert world.snapshot(execution_id).execution.state is ExecutionState.FAILED


def test_a_worker_whose_code_does_not_load_leaves_runs_to_others(world: World) -> None:
    def broken(_: Deployment) -> Plan:
        raise DeploymentBroken

    starts(world, "sound", OLD)
    execution_id = world.kickoff()
    take(world, Worker("broken", NoLease(), broken))

    assert newest_run(world, execution_id).attempts == 0


def test_a_worker_whose_code_does_not_load_fails_what_nobody_else_could_run(
    a_world_of_each: Callable[..., World],
) -> None:
    """Though a worker that is gone still has a claim of another task: nothing is migrated."""

    def broken(_: Deployment) -> Plan:
        raise DeploymentBroken("no module of that name")

    plan = plan_of("~left", "~right", "join")
    world = a_world_of_each("~left", "~right", "join")
    sound = starts(world, "sound", plan)
    execution_id = world.kickoff()
    world.runner.behaviour = WorkerDied()
    with pytest.raises(WorkerDied):
        take(world, sound)
    dies(world, "sound")
    take(world, Worker("broken", NoLease(), broken))

    right = newest_run(world, execution_id)
    assert (right.path, right.attempts, right.error) == ("right", 1, "no module of that name")


def test_a_worker_that_the_database_was_away_from_waits_for_others_signs(world: World) -> None:
    old = starts(world, "old", OLD)
    starts(world, "new", NEW)
    execution_id = world.kickoff()
    dies(world, "new")

    take(world, replace(old, knows_who_lives=lambda: False))
    assert newest_run(world, execution_id).state is TaskRunState.DUE


def test_the_same_tasks_with_other_prompts_are_run_by_whoever_comes(world: World) -> None:
    begun = Plan(tuple(replace(task, description="Write well") for task in OLD.tasks))
    old = starts(world, "old", OLD)
    starts(world, "new", begun)
    execution_id = world.kickoff()

    take(world, old)
    assert newest_run(world, execution_id).task_name == "publish"


def test_under_refuse_other_prompts_are_other_code(
    a_world_of_each: Callable[..., World],
) -> None:
    world = a_world_of_each("write", "publish", on_code_change="refuse")
    begun = Plan(tuple(replace(task, description="Write well") for task in OLD.tasks))
    old = starts(world, "old", OLD)
    starts(world, "new", begun)
    execution_id = world.kickoff()

    take(world, old)
    assert newest_run(world, execution_id).state is TaskRunState.DUE
    dies(world, "new")
    take(world, old)
    assert newest_run(world, execution_id).state is TaskRunState.FAILED


def test_a_queue_that_one_of_two_workers_fits_is_worked_off(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write", "publish")
    workers = [starts(world, "old", OLD), starts(world, "new", NEW)]
    ids = [world.kickoff() for _ in range(20)]

    taken = 0
    for _ in range(60):
        while world.jobs:
            take(world, workers[taken % 2])
            taken += 1
        later(1)
        signs(world, "new", NEW)
        sweep(world.ports)

    states = {world.snapshot(execution_id).execution.state for execution_id in ids}
    assert states == {ExecutionState.SUCCEEDED}
    assert taken < 20 * 3 * 4


def test_a_process_knows_who_lives_a_while_after_the_database_came_back(
    a_world: Callable[..., World],
) -> None:
    keeper = ThreadLeaseKeeper(a_world("write").ports, "w-1", [])
    assert keeper.knows_who_lives
    keeper._heard_at -= retry.LIVES_WITHIN.total_seconds() + 1  # it could not give its signs
    assert not keeper.knows_who_lives
    keeper._say_that_it_lives()
    assert not keeper.knows_who_lives
    keeper._heard_since -= retry.LIVES_WITHIN.total_seconds()
    assert keeper.knows_who_lives
