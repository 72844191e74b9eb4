"""The heartbeat says that the database is there; after a silence every lease begins anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
import time_machine
from structlog.testing import capture_logs
from world import WorkerDied, World

from orchestrator.domain.retry import LEASE
from orchestrator.usecases.operations.heartbeat import beat, is_due

Later = Callable[[float], None]


@pytest.fixture
def world(a_world: Callable[..., World], later: Later) -> World:
    later(0)
    return a_world("write")


def last(world: World) -> datetime | None:
    return world.ports.store.read(lambda tx: tx.sweeps.last_beat())


@pytest.mark.parametrize(
    ("seconds", "due"), [(0, False), (2.9, False), (3, True), (60, True), (-0.1, True)]
)
def test_a_heartbeat_is_due_every_three_seconds_and_where_the_clock_was_set_back(
    world: World, later: Later, seconds: float, *, due: bool
) -> None:
    assert world.ports.store.read(is_due)
    beat(world.ports)
    later(seconds)
    assert world.ports.store.read(is_due) is due


@pytest.mark.parametrize(
    ("seconds", "written"), [(3, True), (-0.1, False), (-2, False), (-3, True)]
)
def test_a_clock_that_is_a_moment_behind_catches_up(
    world: World, later: Later, seconds: float, *, written: bool
) -> None:
    beat(world.ports)
    later(seconds)
    beat(world.ports)
    assert (last(world) == world.ports.clock.now()) is written


def test_the_first_of_an_hour_is_told(a_world: Callable[..., World]) -> None:
    world = a_world("write")
    told = []
    for at in ("11:58:00", "11:59:57.5", "12:00:01", "11:59:59", "12:30:00", "13:00:00"):
        with time_machine.travel(f"2026-11-22T{at}+00:00", tick=False):
            told.append(beat(world.ports))
    assert told == [True, False, True, False, False, True]


def claimed(world: World) -> Callable[[], datetime | None]:
    """A worker has a run and is gone; reads until when its lease holds."""
    execution_id = world.kickoff()
    world.runner.behaviour = WorkerDied()
    with pytest.raises(WorkerDied):
        world.work()
    return lambda: world.snapshot(execution_id).runs[-1].lease_until


@pytest.mark.parametrize(
    ("seconds", "anew"), [(3, False), (10, False), (10.1, True), (3600, True), (-3600, True)]
)
def test_leases_begin_anew_after_a_silence(
    world: World, later: Later, seconds: float, *, anew: bool
) -> None:
    beat(world.ports)
    lease_until = claimed(world)
    before = lease_until()
    later(seconds)
    with capture_logs() as lines:
        beat(world.ports)
    after = world.ports.clock.now() + LEASE if anew else before
    assert lease_until() == after
    told = {"event": "leases begin anew", "seconds_since_the_last_heartbeat": seconds}
    assert lines == ([{**told, "log_level": "warning"}] if anew else [])


def test_the_first_heartbeat_of_all_has_every_lease_begin(world: World, later: Later) -> None:
    lease_until = claimed(world)
    later(20)
    assert beat(world.ports)
    assert lease_until() == world.ports.clock.now() + LEASE


@pytest.mark.parametrize(("ago", "lives"), [(44, True), (46, False)])
def test_workers_that_were_seen_before_a_silence_are_seen_after_it(
    world: World, later: Later, ago: float, *, lives: bool
) -> None:
    world.ports.store.transact(lambda tx: tx.workers.seen("w-1", ["crews"]))
    later(ago)
    beat(world.ports)
    later(3600)
    beat(world.ports)
    found = world.ports.store.read(lambda tx: tx.workers.consuming("crews", LEASE))
    assert bool(found) is lives
