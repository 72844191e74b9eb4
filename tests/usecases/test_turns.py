"""A flood of one deployment is published a few at a time; so many run at once as the file says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Text, type_coerce, update
from world import CREW, World

from orchestrator import jobs
from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.adapters.sql.schema import plans
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.work import Work
from orchestrator.ports import Ended, RunContext
from orchestrator.usecases.executions.fork import Fork, fork
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.executions.publishing import LEAST_WINDOW
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.executions.rewind import Rewind, rewind
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.load_deployments import load_deployments
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.wire.requests import ForkBody, KickoffBody

Make = Callable[..., World]
FLOOD = 3 * LEAST_WINDOW


def with_another(world: World, **settings: object) -> None:
    """A second deployment in the same file."""
    another = Deployment(**{**CREW, "name": "other", "target": "no:where", **settings})
    both = {"crew": world.ports.deployments.get("crew"), "other": another}
    world.ports = replace(world.ports, deployments=DeploymentFile(both))
    load_deployments(world.ports, "w-1", world.ports.deployments.queues())


def kick_off_another(world: World) -> str:
    body = KickoffBody(inputs={})
    return str(kickoff(world.ports, Kickoff("other", body, "t", "t"))["kickoff_id"])


def states(world: World, ids: list[str]) -> set[ExecutionState]:
    return {world.snapshot(each).execution.state for each in ids}


def test_a_flood_does_not_stand_before_others(a_world: Make) -> None:
    world = a_world("write")
    with_another(world)
    for _ in range(FLOOD):
        world.kickoff()
    before = len(world.jobs)

    kick_off_another(world)

    assert before == LEAST_WINDOW
    assert len(world.jobs) == before + 1


def test_what_waits_for_its_turn_was_published_never_yet(a_world: Make) -> None:
    world = a_world("write")
    ids = [world.kickoff() for _ in range(LEAST_WINDOW + 1)]
    runs = [run for each in ids for run in world.snapshot(each).runs]
    assert [(run.held, run.publishes) for run in runs] == [
        *[(False, 1)] * LEAST_WINDOW,
        (True, 0),
    ]


def test_who_takes_a_job_has_the_next_one_published(a_world_of_each: Make) -> None:
    world = a_world_of_each("write", "check")
    ids = [world.kickoff() for _ in range(FLOOD)]

    world.work()

    assert states(world, ids) == {ExecutionState.SUCCEEDED}
    assert len(world.runner.chains) == 2 * FLOOD


def test_who_takes_a_job_has_one_more_published_and_no_second(a_world: Make) -> None:
    world = a_world("write")
    for _ in range(FLOOD):
        world.kickoff()
    world.run(world.jobs.pop(0))
    assert len(world.jobs) == LEAST_WINDOW


def test_what_follows_in_a_chain_waits_for_nobody(a_world: Make) -> None:
    world = a_world("write", "check")
    first, *_ = [world.kickoff() for _ in range(FLOOD)]

    world.run(world.jobs.pop(0))

    assert first in [job.arguments["execution_id"] for job in world.jobs]
    assert [run.resumes for run in world.snapshot(first).runs] == [False, False]


def test_a_flood_of_answers_drains_in_the_same_manner(a_world_of_each: Make) -> None:
    world = a_world_of_each("write?", "publish")
    ids = [world.halted() for _ in range(FLOOD)]

    for each in ids:
        world.answer(each, "write", approve=True)
    waiting = len(world.jobs)
    world.work()

    assert waiting == LEAST_WINDOW
    assert states(world, ids) == {ExecutionState.SUCCEEDED}


def fails_at_check(_deployment: Deployment, work: Work, _context: RunContext) -> Ended:
    if work.path == "check":
        raise ValueError("no ink")
    return Ended(Output("done"), {})


def retried(world: World, execution_id: str) -> str:
    retry_execution(world.ports, EVERYWHERE, execution_id, "tests")
    return execution_id


def rewound(world: World, execution_id: str) -> str:
    rewind(world.ports, Rewind(execution_id, 1, "tests"))
    return execution_id


def forked(world: World, execution_id: str) -> str:
    asked = Fork(execution_id, ForkBody(checkpoint=1), "tests", "tests")
    return str(fork(world.ports, asked)["execution_id"])


@pytest.mark.parametrize("begins", [retried, rewound, forked])
def test_a_flood_of_what_begins_again_drains_in_the_same_manner(
    a_world_of_each: Make, begins: Callable[[World, str], str]
) -> None:
    world = a_world_of_each("write", "check", max_attempts=1)
    ids = [world.kickoff() for _ in range(FLOOD)]
    run = world.runner.run
    world.runner.run = fails_at_check
    world.work()
    world.runner.run = run
    assert states(world, ids) == {ExecutionState.FAILED}

    again = [begins(world, each) for each in ids]
    waiting = len(world.jobs)
    world.work()

    assert waiting == LEAST_WINDOW
    assert states(world, again) == {ExecutionState.SUCCEEDED}


def test_the_longest_waiting_comes_first(a_world: Make) -> None:
    world = a_world("write")
    ids = [world.kickoff() for _ in range(FLOOD)]

    world.work()

    assert [chain.execution_id for chain in world.runner.chains] == ids


def test_more_processes_have_more_published(a_world: Make) -> None:
    world = a_world("write")
    digests = {"crew": world.runner.the_plan.digest}
    for number in range(6):
        world.ports.store.transact(
            lambda tx, number=number: tx.workers.loaded(f"w-1/{number}", "w-1", digests)  # type: ignore[misc]
        )
    for _ in range(FLOOD):
        world.kickoff()

    assert len(world.jobs) == 12


def test_what_was_stopped_gives_its_place_to_others(a_world_of_each: Make) -> None:
    world = a_world_of_each("write")
    ids = [world.kickoff() for _ in range(FLOOD)]
    for each in ids[:LEAST_WINDOW]:
        stop(world.ports, EVERYWHERE, each, "tests")
    world.jobs.clear()

    swept = sweep(world.ports)
    world.work()

    assert swept.admitted == LEAST_WINDOW
    assert states(world, ids[LEAST_WINDOW:]) == {ExecutionState.SUCCEEDED}


def test_a_flushed_broker_holds_a_flood_up_for_a_minute(
    a_world: Make, later: Callable[[float], None]
) -> None:
    world = a_world("write")
    ids = [world.kickoff() for _ in range(FLOOD)]
    world.jobs.clear()
    sweep(world.ports)
    assert world.jobs == []

    later(61)
    sweep(world.ports)
    world.work()

    assert states(world, ids) == {ExecutionState.SUCCEEDED}


def test_as_many_run_at_a_time_as_the_file_allows(a_world_of_each: Make) -> None:
    world = a_world_of_each("write", max_running=1)
    ids = [world.kickoff() for _ in range(3)]
    met: list[int] = []

    def another_worker() -> None:
        sweep(world.ports)
        met.append(len(world.jobs))

    world.runner.before_answering = another_worker
    world.work()

    assert met == [0], "somebody was admitted beside the one that runs"
    assert states(world, ids) == {ExecutionState.SUCCEEDED}


@pytest.mark.parametrize("cap", [1, 2])
def test_a_race_of_workers_keeps_to_it(a_world_of_each: Make, cap: int) -> None:
    world = a_world_of_each("write", "check", max_running=cap)
    ids = [world.kickoff() for _ in range(6)]
    guard, running, most = threading.Lock(), [0], [0]
    answer = world.runner.run

    def counted(*arguments: object) -> object:
        with guard:
            running[0] += 1
            most[0] = max(most[0], running[0])
        overlap.wait(0.01)
        with guard:
            running[0] -= 1
        return answer(*arguments)

    overlap = threading.Event()
    world.runner.run = counted
    runs = [
        (each, run.id)
        for each in ids
        for run in world.ports.store.read(lambda tx, each=each: tx.task_runs.of(each))  # type: ignore[misc]
    ]
    world.jobs.clear()
    start = threading.Barrier(len(runs))

    def work(execution_id: str, task_run_id: str) -> None:
        start.wait()
        world.run(jobs.run_task(execution_id, task_run_id, resumes=False))

    threads = [threading.Thread(target=work, args=run) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while states(world, ids) != {ExecutionState.SUCCEEDED}:
        sweep(world.ports)
        assert world.jobs, "somebody waits, and nobody is admitted"
        world.work()

    assert most[0] <= cap


def test_a_job_says_where_it_goes_how_long_it_may_run_and_what_it_is(a_world: Make) -> None:
    world = a_world("write", queue="slow", task_time_limit=timedelta(minutes=7))
    world.kickoff()
    (job,) = world.jobs
    assert (job.name, job.queue, job.time_limit) == (jobs.RUN_TASK, "slow", 7 * 60)
    assert job.labels == {"deployment": "crew", "task": "write", "round": "1"}


def test_of_a_flow_only_the_question_what_words_mean_has_a_time_limit(a_flow: Make) -> None:
    world = a_flow("loop", task_time_limit=timedelta(minutes=7))
    execution_id = world.kickoff()
    assert [job.time_limit for job in world.jobs] == [None]
    world.work()
    world.say(execution_id, "review", human_feedback="hmm")
    assert [job.time_limit for job in world.jobs] == [7 * 60]


def admitted_last(world: World) -> jobs.Job:
    """The job of a run that had to wait for its turn."""
    for _ in range(LEAST_WINDOW + 1):
        world.kickoff()
    world.run(world.jobs[0])
    return world.jobs[-1]


def test_what_had_to_wait_has_the_same_job(a_world: Make, a_flow: Make) -> None:
    world = a_world("write", task_time_limit=timedelta(minutes=7))
    job = admitted_last(world)
    assert (job.name, job.time_limit) == (jobs.RUN_TASK, 7 * 60)
    (run,) = world.snapshot(job.arguments["execution_id"]).runs
    assert (run.id, run.held, run.publishes) == (job.arguments["task_run_id"], False, 1)
    assert run.wake_at - run.published_at == timedelta(minutes=1)
    assert admitted_last(a_flow("two_reviews")).time_limit is None


def test_what_had_to_wait_and_cannot_be_read_has_a_time_limit(a_world: Make) -> None:
    world = a_world("write", task_time_limit=timedelta(minutes=7))
    ids = [world.kickoff() for _ in range(LEAST_WINDOW + 1)]
    for each in ids[:LEAST_WINDOW]:
        stop(world.ports, EVERYWHERE, each, "tests")
    with world.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        connection.execute(update(plans).values(body=type_coerce("{]", Text)))
    world.ports.store.forget()  # type: ignore[attr-defined]
    world.jobs.clear()
    sweep(world.ports)
    assert [job.time_limit for job in world.jobs] == [7 * 60]


def test_a_lower_cap_publishes_nothing_before_enough_have_ended(a_world: Make) -> None:
    world = a_world("write", max_running=2)
    for _ in range(4):
        world.kickoff()
    assert len(world.jobs) == 2
    lower = replace(world.ports.deployments.get("crew"), max_running=1)
    met: list[int] = []

    def the_cap_is_lowered() -> None:
        world.ports = replace(world.ports, deployments=DeploymentFile({"crew": lower}))
        met.append(sweep(world.ports).admitted)

    def while_two_run() -> None:
        world.runner.before_answering = the_cap_is_lowered
        world.run(world.jobs.pop(0))

    world.runner.before_answering = while_two_run
    world.run(world.jobs.pop(0))
    assert met == [0]
