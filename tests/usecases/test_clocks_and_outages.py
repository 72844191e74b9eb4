"""The database is away, or its clock jumps: nothing is done twice, and nothing waits for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from post import MoodyReceiver, Post
from structlog.testing import capture_logs
from world import WorkerDied, World

from orchestrator import jobs
from orchestrator.api.platform.status import status_body
from orchestrator.domain.deployment import StatusForm
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import Scope
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import DatabaseAway
from orchestrator.usecases.access.sign_in_links import ask_for_link
from orchestrator.usecases.executions.claims import give_back_claims
from orchestrator.usecases.executions.retry import retry_execution
from orchestrator.usecases.intake.take_mail import store_mail
from orchestrator.usecases.operations import heartbeat
from orchestrator.usecases.operations.sweep import sweep
from workers.lease_keeper import ThreadLeaseKeeper

Make = Callable[..., World]
Later = Callable[[float], None]

HOUR = 3600.0


def the_run(world: World, execution_id: str) -> TaskRun:
    return world.snapshot(execution_id).runs[-1]


def dies(world: World) -> str:
    """The whole machine of a worker is gone in the middle of a task; gives the execution."""
    execution_id = world.kickoff()
    world.runner.behaviour = WorkerDied()
    with pytest.raises(WorkerDied):
        world.run(world.jobs.pop(0))
    world.runner.behaviour = None
    return execution_id


@pytest.mark.parametrize("seconds", [25, 45, HOUR, -HOUR])
def test_no_lease_lapses_while_the_database_is_away_or_because_a_clock_jumped(
    a_world: Make, later: Later, seconds: float
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()

    def nothing_can_be_renewed() -> None:
        later(10)
        sweep(world.ports)
        later(seconds)
        for _ in range(5):
            sweep(world.ports)
            later(1)

    world.runner.before_answering = nothing_can_be_renewed
    world.run(world.jobs.pop(0))
    run = the_run(world, execution_id)
    assert (run.state, run.attempts, run.claim_no) == (TaskRunState.COMMITTED, 1, 1)
    assert len(world.runner.chains) == 1


def test_a_sweep_that_has_just_started_ends_no_claim(a_world: Make, later: Later) -> None:
    world = a_world("write")
    execution_id = dies(world)
    later(31)
    sweep(world.ports)
    assert the_run(world, execution_id).state is TaskRunState.RUNNING


@pytest.mark.parametrize("away", [0, 45])
def test_what_a_dead_machine_ran_is_taken_over_once_a_lease_has_passed(
    a_world: Make, later: Later, away: float
) -> None:
    world = a_world("write")
    execution_id = dies(world)
    sweep(world.ports)
    later(away)
    for _ in range(35):
        sweep(world.ports)
        later(1)
    assert (the_run(world, execution_id).state, the_run(world, execution_id).attempts) == (
        TaskRunState.DUE,
        1,
    )


def test_slow_rows_of_a_sweep_do_not_keep_leases_from_lapsing(a_world: Make, later: Later) -> None:
    world = a_world("write")
    for _ in range(7):
        world.kickoff()
    later(61)
    world.jobs.clear()
    execution_id = dies(world)
    publish = world.ports.store._publish  # type: ignore[attr-defined]
    world.ports.store._publish = lambda job: (later(9), publish(job))  # type: ignore[attr-defined]
    for _ in range(2):
        sweep(world.ports)
    assert the_run(world, execution_id).state is TaskRunState.DUE


def test_a_retry_comes_within_a_minute_of_a_clock_that_was_set_back(
    a_world: Make, later: Later
) -> None:
    world = a_world("write")
    world.runner.behaviour = RuntimeError("the model is away")
    execution_id = world.kickoff()
    sweep(world.ports)
    world.work()
    world.runner.behaviour = None
    later(-HOUR)
    for _ in range(5):
        sweep(world.ports)
        world.work()
        later(1)
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


@pytest.mark.parametrize("seconds", [HOUR, 1.5])
def test_a_job_that_was_published_before_the_clock_was_set_back_is_published_again(
    a_world: Make, later: Later, seconds: float
) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    sweep(world.ports)
    later(-seconds)
    world.work()
    for _ in range(5):
        sweep(world.ports)
        world.work()
        later(1)
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


def test_the_run_of_a_job_that_came_too_early_is_published_when_due_as_for_the_first_time(
    a_world: Make, later: Later
) -> None:
    world = a_world("write")
    later(-1.5)
    execution_id = world.kickoff()
    later(-1.5)
    world.work()
    run = the_run(world, execution_id)
    assert (run.wake_at, run.publishes) == (run.due_at, 0)


def test_no_execution_took_less_than_no_time(a_world: Make, later: Later) -> None:
    world = a_world("write")
    execution_id = world.kickoff()
    world.runner.before_answering = lambda: later(-HOUR)
    world.work()
    found = world.snapshot(execution_id)
    assert found.execution.finished_at >= found.execution.started_at
    assert status_body(found, StatusForm.LIVE)["execution_time"] >= found.runs[0].execution_time > 0


def test_a_webhook_is_tried_again_within_a_minute_of_a_clock_that_was_set_back(post: Post) -> None:
    with MoodyReceiver(500, 200) as receiver:
        (sent,) = post.commit(receiver.url)
        post.pass_time(seconds=0)
        assert post.states() == {"RETRYING": 1}
        post.clock.turn(hours=-1)
        for _ in range(6):
            post.pass_time(seconds=1)
        assert receiver.ids == [sent, sent]


def test_an_endpoint_is_left_in_peace_no_longer_for_a_clock_that_was_set_back(post: Post) -> None:
    with MoodyReceiver(429, 200) as receiver:
        post.commit(receiver.url)
        post.pass_time(seconds=0)
        post.clock.turn(hours=-1)
        for _ in range(60):
            post.pass_time(seconds=1)
        assert post.states() == {"DELIVERED": 1}


def test_a_mail_whose_job_was_lost_is_read_within_a_minute_of_a_clock_that_was_set_back(
    a_world: Make, later: Later
) -> None:
    world = a_world("write")
    sweep(world.ports)
    stored = store_mail(world.ports, b"Message-ID: <a@b.example>\r\n\r\nok")
    world.jobs.clear()
    later(-HOUR)
    for _ in range(61):
        sweep(world.ports)
        later(1)
    assert stored
    assert jobs.take_mail(stored.id) in world.jobs


def test_a_link_for_signing_in_is_sent_within_a_minute_of_a_clock_that_was_set_back(
    a_world: Make, later: Later
) -> None:
    world = a_world("write")
    sweep(world.ports)
    ask_for_link(world.ports, "ann@example.com", "/inbox")
    (lost,) = world.jobs
    world.jobs.clear()
    later(-HOUR)
    for _ in range(61):
        sweep(world.ports)
        later(1)
    assert world.jobs == [lost]


def test_a_stray_job_does_not_claim_before_the_backoff_is_over(a_world: Make, later: Later) -> None:
    world = a_world("write")
    world.runner.behaviour = RuntimeError("the model is away")
    execution_id = world.kickoff()
    job = world.jobs.pop(0)
    for _ in range(3):
        world.run(job)
    assert the_run(world, execution_id).attempts == 1
    later(1)
    world.run(job)
    assert the_run(world, execution_id).attempts == 2


@pytest.mark.parametrize(
    ("error", "has_traceback"), [(DatabaseAway(), False), (ZeroDivisionError("a fault"), True)]
)
def test_an_outage_fills_no_log_with_tracebacks(
    a_world: Make,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    has_traceback: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A bounded log is to keep what was before the outage."""
    world = a_world("write")

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(world.ports.store, "read", refuse)
    with capture_logs() as lines:
        monkeypatch.setattr(heartbeat, "_beat", refuse)
        sweep(world.ports)
        monkeypatch.setattr(world.ports.store, "transact", refuse)
        ThreadLeaseKeeper(world.ports, "w-1", [])._say_that_it_lives()
    said = {line["event"]: line for line in lines}
    for event in (
        "a step of the sweep failed; the others go on",
        "worker could not say that it lives",
    ):
        assert bool(said[event]["exc_info"]) is has_traceback
        assert type(error).__name__ in said[event]["error"]
    assert said["worker could not say that it lives"]["worker"] == "w-1"


def test_what_is_given_back_is_published_once(a_world: Make) -> None:
    world = a_world("write")
    dies(world)
    give_back_claims(world.ports, "w-1")
    sweep(world.ports)
    assert len(world.jobs) == 1


def test_a_retry_goes_on_in_the_newest_round_whatever_the_clock_did(
    a_world: Make, later: Later
) -> None:
    world = a_world("write?", max_attempts=1)
    execution_id = world.halted()
    later(-60)
    world.runner.behaviour = RuntimeError("the model is away")
    world.answer(execution_id, "write", approve=False, words="shorter")
    sweep(world.ports)
    world.work()
    assert world.snapshot(execution_id).execution.state is ExecutionState.FAILED
    world.runner.behaviour = None
    retry_execution(world.ports, Scope.of("crew"), execution_id, "tests")
    world.work()
    assert [run.round for run in world.snapshot(execution_id).runs if run.is_open] == [2]
