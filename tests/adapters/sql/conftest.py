"""Nouns to store, and threads to race for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection

from orchestrator.adapters.sql import SqlStore
from orchestrator.adapters.sql.engine import make_engine, reading
from orchestrator.domain.delivery import Delivery, DeliveryState
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.webhooks import Subscriptions

RACERS = 8
DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 22, 12, 30, 15, 123456, UTC)


@pytest.fixture
def rows(database: str) -> Iterator[Connection]:
    """A connection to look at rows with, past the store."""
    engine = reading(make_engine(database))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def race() -> Callable[[Callable[[], Any]], list[Any]]:
    """Start the same work in several threads at one moment; gives what each returned."""

    def run(work: Callable[[], Any]) -> list[Any]:
        line = threading.Barrier(RACERS)

        def start() -> Any:
            line.wait()
            return work()

        with ThreadPoolExecutor(RACERS) as threads:
            return [racer.result() for racer in [threads.submit(start) for _ in range(RACERS)]]

    return run


@pytest.fixture
def new_execution(now: datetime) -> Callable[..., Execution]:
    def make(**fields: Any) -> Execution:
        usual = {
            "id": str(uuid4()),
            "deployment": "newsroom",
            "state": ExecutionState.QUEUED,
            "version": 1,
            "origin": "api",
            "actor": "token:alice",
            "plan_digest": DIGEST,
            "inputs": {"topic": "tides"},
            "meta": {},
            "subscriptions": Subscriptions(),
            "carry_webhooks": False,
            "created_at": now,
        }
        return Execution(**{**usual, **fields})

    return make


@pytest.fixture
def execution(store: SqlStore, new_execution: Callable[..., Execution]) -> Execution:
    """An execution that is stored."""
    made = new_execution()
    store.transact(lambda tx: tx.executions.add(made))
    return made


@pytest.fixture
def new_run(execution: Execution, now: datetime) -> Callable[..., TaskRun]:
    def make(**fields: Any) -> TaskRun:
        usual = {
            "id": str(uuid4()),
            "execution_id": execution.id,
            "deployment": execution.deployment,
            "path": "write",
            "task_name": "write",
            "round": 1,
            "state": TaskRunState.DUE,
            "version": 1,
            "created_at": now,
            "due_at": now,
            "published_at": now,
            "wake_at": now,
        }
        return TaskRun(**{**usual, **fields})

    return make


@pytest.fixture
def run(store: SqlStore, new_run: Callable[..., TaskRun]) -> TaskRun:
    """A task run that is stored, and due."""
    made = new_run()
    store.transact(lambda tx: tx.task_runs.add([made]))
    return made


@pytest.fixture
def new_review(execution: Execution, now: datetime) -> Callable[..., Review]:
    def make(**fields: Any) -> Review:
        usual = {
            "id": str(uuid4()),
            "execution_id": execution.id,
            "deployment": execution.deployment,
            "task_run_id": str(uuid4()),
            "path": "write",
            "task_name": "write",
            "round": 1,
            "state": ReviewState.PENDING,
            "version": 1,
            "output_id": str(uuid4()),
            "output_digest": DIGEST,
            "created_at": now,
        }
        return Review(**{**usual, **fields})

    return make


@pytest.fixture
def endpoint(store: SqlStore, now: datetime) -> str:
    """The id of an endpoint that is stored."""
    return store.transact(
        lambda tx: tx.endpoints.ensure("newsroom", "https://hooks.example/a", None, now)
    )


@pytest.fixture
def new_delivery(execution: Execution, endpoint: str, now: datetime) -> Callable[..., Delivery]:
    def make(**fields: Any) -> Delivery:
        usual = {
            "id": str(uuid4()),
            "execution_id": execution.id,
            "deployment": execution.deployment,
            "endpoint_id": endpoint,
            "kind": "task",
            "sequence": 1,
            "state": DeliveryState.PENDING,
            "version": 1,
            "body": b'{"name":"write"}',
            "created_at": now,
            "due_at": now,
            "published_at": now,
            "wake_at": now,
        }
        return Delivery(**{**usual, **fields})

    return make
