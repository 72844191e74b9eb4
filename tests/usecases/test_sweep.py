"""A sweep sees to what is due or was lost; what fails in it keeps nothing else back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from post import MoodyReceiver, Post
from replies import reply, takes_replies
from sqlalchemy import event
from structlog.testing import capture_logs
from world import World

from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.migrate import upgrade
from orchestrator.cli.processes import sweep_once
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.retry import FIRST_PUBLISH_AGAIN, HEARTBEAT
from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import DatabaseAway
from orchestrator.ports import Ports
from orchestrator.usecases.access.sign_in_links import ask_for_link
from orchestrator.usecases.executions.publishing import LEAST_WINDOW
from orchestrator.usecases.intake.take_mail import store_mail
from orchestrator.usecases.operations import sweep as sweeping
from orchestrator.usecases.operations.sweep import Swept, sweep

Make = Callable[..., World]
Later = Callable[[float], None]
AGAIN = FIRST_PUBLISH_AGAIN.total_seconds()


@pytest.fixture
def world(a_world: Make, later: Later) -> World:
    """Time passes as the test says."""
    later(0)
    made = takes_replies(a_world("write?"))
    sweep(made.ports)
    return made


def test_a_database_that_was_not_migrated_is_told_of_once_and_swept_once_it_is(
    world: World, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/bare.db"
    ports = replace(world.ports, store=make_store(url, publish=print, cipher=Cipher("a key")))
    with capture_logs() as lines:
        assert not sweep_once(ports, is_known=False)
        assert not sweep_once(ports, is_known=True)
    assert ["orchestrator migrate" in line["error"] for line in lines] == [True]
    upgrade(url)
    assert sweep_once(ports, is_known=True)


def the_run(world: World, execution_id: str) -> TaskRun:
    return world.snapshot(execution_id).runs[-1]


def lose(world: World) -> None:
    """One of each kind whose job the broker loses."""
    world.kickoff()
    store_mail(world.ports, reply("ok"))
    ask_for_link(world.ports, "ann@example.com", "/inbox")
    world.jobs.clear()


def test_a_sweep_says_how_many_of_each_kind_it_saw_to(world: World, later: Later) -> None:
    assert sweep(world.ports) == Swept()
    world.kickoff()
    lose(world)
    later(AGAIN + 1)
    swept = sweep(world.ports)
    assert swept == Swept(task_runs=2, mails=1, links=1, folded=swept.folded)
    assert swept.counts()["task_runs"] == 2
    assert [job.name.partition(".")[2] for job in world.jobs] == [
        "run_task",
        "run_task",
        "take_mail",
        "send_link",
    ]
    assert sweep(world.ports) == Swept()


def meanwhile(ports: Ports, happens: Callable[[], object]) -> Ports:
    """Has something happen after a look for what is due, before it is seen to."""

    def answers() -> bool:
        happens()
        return True

    return replace(ports, broker_answers=answers)


def test_a_run_that_a_worker_took_meanwhile_is_not_published(world: World, later: Later) -> None:
    world.kickoff()
    later(AGAIN + 1)
    assert sweep(meanwhile(world.ports, world.work)).task_runs == 0
    assert world.jobs == []


def test_a_sweep_with_nothing_to_do_looks_once_and_again_where_it_wrote_a_heartbeat(
    a_world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where something has ended that will be purged one day."""
    looks: list[object] = []
    with time_machine.travel("2026-11-22T12:10:00+00:00", tick=False) as now:
        world = a_world("write")
        world.ports = replace(world.ports, keep_finished=timedelta(days=30))
        world.halted()
        sweep(world.ports)
        read = world.ports.store.read
        monkeypatch.setattr(
            world.ports.store, "read", lambda work: (looks.append(work), read(work))[1]
        )
        assert sweep(world.ports) == Swept()
        assert len(looks) == 1
        now.shift(HEARTBEAT)
        assert sweep(world.ports) == Swept()
        assert len(looks) == 4


def test_what_a_silent_broker_would_be_sent_stays_due(world: World, later: Later) -> None:
    lose(world)
    later(AGAIN + 1)
    answering = world.ports
    world.ports = replace(answering, broker_answers=lambda: False)
    assert sweep(world.ports).failed_steps == 0
    assert world.jobs == []
    world.ports = answering
    swept = sweep(world.ports)
    assert (swept.task_runs, swept.mails, swept.links) == (1, 1, 1)


def test_a_job_that_may_be_lost_is_published_ever_more_seldom(world: World, later: Later) -> None:
    execution_id = world.kickoff()
    for publishes, seconds in ((2, 120), (3, 240)):
        before = the_run(world, execution_id).wake_at
        later((before - world.ports.clock.now()).total_seconds())
        assert sweep(world.ports).task_runs == 1
        run = the_run(world, execution_id)
        assert (run.publishes, run.published_at) == (publishes, world.ports.clock.now())
        assert run.wake_at == world.ports.clock.now() + timedelta(seconds=seconds)


def test_runs_that_wait_for_their_turn_are_admitted_where_there_is_room(
    a_world: Make, later: Later
) -> None:
    world = a_world("write")
    for _ in range(LEAST_WINDOW + 2):
        world.kickoff()
    sweep(world.ports)
    assert sweep(world.ports).admitted == 0
    for job in list(world.jobs):
        arguments = job.arguments
        world.ports.store.transact(
            lambda tx, run=arguments["task_run_id"]: tx.task_runs.put_off(  # type: ignore[misc]  # mypy cannot infer it
                run, tx.now() + timedelta(hours=1), 0
            )
        )
    later(1)
    silent = replace(world.ports, broker_answers=lambda: False)
    assert sweep(silent).admitted == 0
    assert sweep(world.ports).admitted == 2
    assert len(world.jobs) == LEAST_WINDOW + 2


def fails_at(world: World, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(sweeping, name, fail)


def test_a_step_that_fails_is_noted_and_logged_and_keeps_none_back(
    world: World, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(world)
    later(AGAIN + 1)
    error = ZeroDivisionError("no space left")
    fails_at(world, monkeypatch, "_publish_task_runs", error)
    with capture_logs() as lines:
        swept = sweep(world.ports)
    assert (swept.task_runs, swept.mails, swept.links, swept.failed_steps) == (0, 1, 1, 1)
    says = "a step of the sweep failed; the others go on"
    told = {"event": says, "step": "task_runs", "error": "ZeroDivisionError: no space left"}
    assert {**told, "exc_info": error, "log_level": "error"} in lines
    (failing,) = world.ports.store.read(lambda tx: tx.sweeps.failing_steps())
    assert (failing.step, failing.error) == ("task_runs", "ZeroDivisionError: no space left")


def test_where_the_database_does_not_take_the_note_the_sweep_goes_on(
    world: World, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(world)
    later(AGAIN + 1)
    for name in ("_publish_task_runs", "_admit"):
        fails_at(world, monkeypatch, name, ZeroDivisionError())

    def refuse(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "failing_steps" in statement and "INSERT" in statement:
            raise DatabaseAway

    engine = world.ports.store._writer  # type: ignore[attr-defined]  # SQL's
    event.listen(engine, "before_cursor_execute", refuse)
    with capture_logs() as lines:
        swept = sweep(world.ports)
    event.remove(engine, "before_cursor_execute", refuse)
    assert (swept.failed_steps, swept.mails) == (2, 1)
    told = {"event": "failed steps not noted", "steps": ["admitted", "task_runs"]}
    assert {**told, "log_level": "warning"} in lines


def test_a_row_that_cannot_be_seen_to_keeps_no_other_waiting(
    world: World, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.kickoff(), world.kickoff()
    world.jobs.clear()
    later(AGAIN + 1)
    publish = sweeping._publish_task_run

    def stumble(ports: object, run: TaskRun) -> bool:
        if run.execution_id == first:
            raise ZeroDivisionError
        return publish(ports, run)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(sweeping, "_publish_task_run", stumble)
    run = the_run(world, first)
    with capture_logs() as lines:
        assert sweep(world.ports).task_runs == 1
    assert [job.arguments["execution_id"] for job in world.jobs] == [second]
    assert [each["row"] for each in lines if each["event"] == "a row could not be seen to"] == [run]


def test_a_pause_that_is_over_has_the_endpoint_drained_once(post: Post) -> None:
    with MoodyReceiver((429, {"Retry-After": "60"}), 200) as receiver:
        post.commit(receiver.url, 2)
        post.work()
        before = post.endpoint(receiver.url)
        assert before.health.quiet_until
        post.clock.turn(seconds=59)
        sweep(post.ports)
        assert post.endpoint(receiver.url).health.quiet_until == before.health.quiet_until
        post.clock.turn(seconds=1)
        sweep(replace(post.ports, broker_answers=lambda: False))
        assert post.jobs == []
        for _ in range(2):
            sweep(post.ports)
            assert post.endpoint(receiver.url).health.quiet_until is None
            assert len(post.jobs) == 1
        assert post.work() == 2
    assert post.endpoint(receiver.url).health.quiet_until is None
    assert post.states() == {"DELIVERED": 2}


def test_what_waits_at_an_endpoint_whose_job_is_lost_is_sent_once(post: Post) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url, 2)
        post.jobs.clear()
        sweep(post.ports)
        post.clock.turn(seconds=AGAIN)
        assert sweep(post.ports).endpoints == 1
        post.clock.turn(seconds=2 * AGAIN)
        assert sweep(meanwhile(post.ports, post.work)).endpoints == 0
    assert (post.jobs, len(receiver.ids)) == ([], 2)


def test_an_execution_goes_on_though_its_jobs_are_lost_again_and_again(
    world: World, later: Later
) -> None:
    execution_id = world.kickoff()
    world.jobs.clear()
    later(AGAIN)
    sweep(world.ports)
    world.work()
    found = world.snapshot(execution_id).execution
    assert found.state is ExecutionState.PENDING_HUMAN_INPUT
