from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.figures import StateCount, TaskFigures, Waiting
from orchestrator.domain.review import Review, ReviewState
from orchestrator.domain.task_run import TaskRun, TaskRunState

MINUTE = timedelta(minutes=1)


def test_executions_are_counted_by_deployment_and_state(
    store: SqlStore, execution: Execution, new_execution: Callable[..., Execution]
) -> None:
    for _ in range(2):
        store.transact(lambda tx: tx.executions.add(new_execution(state=ExecutionState.FAILED)))

    assert set(store.read(lambda tx: tx.figures.executions())) == {
        StateCount("newsroom", ExecutionState.QUEUED, 1),
        StateCount("newsroom", ExecutionState.FAILED, 2),
    }


def test_open_reviews_wait_since_the_oldest_was_asked(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    asked = [new_review(), new_review(created_at=now - MINUTE)]
    asked.append(new_review(created_at=now - 2 * MINUTE, state=ReviewState.WITHDRAWN))
    for review in asked:
        store.transact(lambda tx, review=review: tx.reviews.add(review))

    found = store.read(lambda tx: tx.figures.open_reviews())
    assert found == (Waiting("newsroom", 2, now - MINUTE),)


def test_task_runs_wait_from_when_they_are_due(
    store: SqlStore, new_run: Callable[..., TaskRun], now: datetime
) -> None:
    runs = [new_run(), new_run(path="task-1", due_at=now + MINUTE)]
    runs.append(new_run(path="task-2", state=TaskRunState.RUNNING))
    store.transact(lambda tx: tx.task_runs.add(runs))

    found = store.read(lambda tx: tx.figures.due_task_runs(now))
    assert found == (Waiting("newsroom", 1, now),)


def test_tasks_have_their_durations(store: SqlStore, new_run: Callable[..., TaskRun]) -> None:
    done = {"state": TaskRunState.COMMITTED}
    runs = [new_run(round=1, execution_time=0.5, **done)]
    runs += [new_run(round=2, execution_time=30.0, **done), new_run(round=3)]
    store.transact(lambda tx: tx.task_runs.add(runs))

    found = store.read(lambda tx: tx.figures.tasks())
    assert found == (TaskFigures("newsroom", "write", 2, 30.5, (1, 1, 1, 2, 2, 2, 2), 0),)


def test_retries_are_counted_once_and_never_taken_back(
    store: SqlStore, new_run: Callable[..., TaskRun], now: datetime
) -> None:
    run = new_run()
    store.transact(lambda tx: tx.task_runs.add([run]))
    becomes: tuple[Callable[[TaskRun], TaskRun], ...] = (
        lambda run: run.claim("w-1", now, now),
        lambda run: run.try_again(now, "401"),
        lambda run: run.claim("w-1", now, now),
        lambda run: run.give_back(now),
        lambda run: run.claim("w-1", now, now),
        TaskRun.advanced,
    )
    told: list[int] = []
    for change in becomes:
        before, after = run, change(run)
        run = store.transact(lambda tx, old=before, new=after: tx.task_runs.save(old, new))  # type: ignore[misc]
        told.append(store.read(lambda tx: tx.figures.tasks())[0].retries)
    assert told == [0, 1, 1, 1, 1, 1]


def test_what_failed_and_is_tried_again_is_in_trouble(
    store: SqlStore, new_run: Callable[..., TaskRun]
) -> None:
    runs = [new_run(error="401"), new_run(path="task-1")]
    runs.append(new_run(path="task-2", error="401", state=TaskRunState.FAILED))
    store.transact(lambda tx: tx.task_runs.add(runs))

    assert store.read(lambda tx: tx.figures.troubled(10)) == (runs[0],)
