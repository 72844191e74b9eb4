"""A broker that accepts connections and answers nothing holds nobody up, and loses nothing."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from silent_broker import SilentDoor
from sqlalchemy import update
from world import World

from orchestrator.adapters.celery import (
    BROKER_PATIENCE,
    CeleryJobs,
    make_celery,
    write_something,
)
from orchestrator.adapters.circuit_breaker import CircuitBreaker
from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.sender import GuardedSender
from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.adapters.sql.schema import reviews
from orchestrator.adapters.valkey import EmbeddedBroker
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.permission import Scope
from orchestrator.jobs import CREWS, WEBHOOKS, Job
from orchestrator.settings import embedded_socket
from orchestrator.usecases.executions import publishing
from orchestrator.usecases.executions.kickoff import Kickoff
from orchestrator.usecases.executions.kickoff_batch import BatchBody, kickoff_batch
from orchestrator.usecases.executions.stop import stop
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.wire.requests import parse

SECONDS = 30.0
BATCH = 30


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a real broker."""
    data = tmp_path_factory.mktemp("broker")
    with EmbeddedBroker(data):
        yield embedded_socket(data)


@pytest.fixture(autouse=True)
def wide_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs of a batch are published at once: here it is about publishing."""
    monkeypatch.setattr(publishing, "LEAST_WINDOW", 1_000)


@pytest.fixture
def door(broker: Path) -> Iterator[SilentDoor]:
    with Redis(unix_socket_path=str(broker)) as client:
        client.flushall()
    with SilentDoor(broker) as silent:
        yield silent


class Process:
    """A process of the service: a breaker of its own, on the same rows; what its callers tried."""

    def __init__(self, world: World, url: str) -> None:
        app = make_celery(url, patience=BROKER_PATIENCE)
        celery = CeleryJobs(app)
        self.tried: list[Job] = []

        self.has_ended = False

        def publish(job: Job) -> None:
            if self.has_ended:
                return
            if threading.current_thread() is threading.main_thread():
                self.tried.append(job)
            celery.publish(job)

        self.breaker = CircuitBreaker(publish, partial(write_something, app), pause=0.05)
        url = world.ports.store._writer.url.render_as_string(hide_password=False)
        store = make_store(url, publish=self.breaker.publish, cipher=Cipher("a key"))
        self.ports = replace(world.ports, store=store, broker_answers=self.breaker.is_closed)

    def kickoff_batch(self) -> None:
        body = parse(BatchBody, {"deployment": "crew", "inputs": [{}] * BATCH})
        kickoff_batch(self.ports, Kickoff("crew", body, "tests", "tests"), body)


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return a_world_of_each("write?")


@pytest.fixture
def process(world: World, door: SilentDoor) -> Iterator[Callable[[], Process]]:
    made: list[Process] = []

    def make() -> Process:
        made.append(Process(world, door.url))
        return made[-1]

    yield make
    for each in made:
        each.has_ended = True
        each.ports.store.dispose()


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "this did not come about"
        time.sleep(0.02)


def queued(broker: Path, queue: str, argument: str) -> list[str]:
    """What the jobs in a queue are about."""
    with Redis(unix_socket_path=str(broker)) as client:
        bodies = [json.loads(each)["body"] for each in client.lrange(queue, 0, -1)]
    return [json.loads(base64.b64decode(body))[1][argument] for body in bodies]


def due(world: World) -> set[str]:
    """Ids of the task runs that a sweep would publish now."""
    now = world.ports.clock.now()
    runs = world.ports.store.read(lambda tx: tx.task_runs.to_wake(now, 1000))
    return {run.id for run in runs}


def test_a_whole_batch_waits_for_the_broker_once(
    world: World, process: Callable[[], Process]
) -> None:
    api = process()
    api.kickoff_batch()
    api.kickoff_batch()
    assert len(api.tried) == 1
    assert len(due(world)) == 2 * BATCH


def test_a_sweep_asks_a_silent_broker_once_and_does_all_the_rest(
    world: World, process: Callable[[], Process]
) -> None:
    halted = world.halted()
    expired = world.ports.clock.now() - timedelta(seconds=1)
    with world.ports.store._writer.begin() as connection:
        connection.execute(update(reviews).values(expires_at=expired))
    process().kickoff_batch()
    swept = process()

    counts = [sweep(swept.ports) for _ in range(3)]

    assert len(swept.tried) == 1
    assert [each.expired_reviews for each in counts] == [1, 0, 0]
    assert world.snapshot(halted).execution.state is ExecutionState.FAILED
    assert len(due(world)) == BATCH


def test_what_was_not_published_goes_out_when_the_broker_is_back(
    world: World, process: Callable[[], Process], door: SilentDoor, broker: Path
) -> None:
    api, sweeper = process(), process()
    api.kickoff_batch()
    sweep(sweeper.ports)
    waiting = due(world)

    door.open()
    until(lambda: api.breaker.is_closed() and sweeper.breaker.is_closed())
    sweep(sweeper.ports)

    found = queued(broker, CREWS, "task_run_id")
    assert set(found) == waiting
    assert len(found) <= BATCH + 20, "only what the probes tried came twice"
    assert due(world) == set()
    sweep(sweeper.ports)
    assert len(queued(broker, CREWS, "task_run_id")) == len(found)


def test_a_healthy_broker_gets_each_job_at_once_and_once(
    process: Callable[[], Process], door: SilentDoor, broker: Path, world: World
) -> None:
    door.open()
    process().kickoff_batch()
    found = queued(broker, CREWS, "task_run_id")
    assert len(set(found)) == len(found) == BATCH
    assert due(world) == set()


def test_a_broker_that_closed_its_connections_loses_no_job(
    process: Callable[[], Process], door: SilentDoor, broker: Path
) -> None:
    door.open()
    api = process()
    api.kickoff_batch()
    door.close()
    door.open()
    api.kickoff_batch()
    assert len(queued(broker, CREWS, "task_run_id")) == 2 * BATCH


def test_a_webhook_that_nobody_was_woken_for_is_sent_when_the_broker_is_back(
    world: World, process: Callable[[], Process], door: SilentDoor, broker: Path
) -> None:
    local = GuardedSender(Guard(allow_networks=[ip_network("127.0.0.0/8")]))
    world.ports = replace(world.ports, sender=local)
    execution_id = world.halted(crewWebhookUrl="http://127.0.0.1:9/hook")
    api = process()
    stop(api.ports, Scope.of("crew"), execution_id, "tests")
    (delivery,) = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))

    door.open()
    until(api.breaker.is_closed)
    with Redis(unix_socket_path=str(broker)) as client:
        client.flushall()  # what the probe sent
    sweep(api.ports)

    assert queued(broker, WEBHOOKS, "endpoint_id") == [delivery.endpoint_id]


def test_a_queue_that_takes_nothing_holds_no_other_up(
    broker: Path, door: SilentDoor, process: Callable[[], Process]
) -> None:
    door.open()
    service = process()
    with Redis(unix_socket_path=str(broker)) as client:
        client.set("gpu", "somebody's text")
    with pytest.raises(ConnectionError):
        service.breaker.publish(Job("orchestrator.run_task", "gpu", {}))
    until(service.breaker.is_closed)
    service.breaker.publish(Job("orchestrator.run_task", CREWS, {"task_run_id": "other"}))
    assert queued(broker, CREWS, "task_run_id") == ["other"]
