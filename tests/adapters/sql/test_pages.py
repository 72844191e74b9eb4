"""Lists that are read page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.execution import Execution, ExecutionState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.ports import ExecutionFilter, Position


@pytest.fixture
def three(
    store: SqlStore, new_execution: Callable[..., Execution], now: datetime
) -> tuple[Execution, ...]:
    """The newest first; the last two were made at the same moment."""
    times = (now + timedelta(seconds=1), now, now)
    ids = (f"{number}{'0' * 35}" for number in (1, 3, 2))
    made = tuple(new_execution(id=id_, created_at=at) for id_, at in zip(ids, times, strict=True))
    store.transact(lambda tx: [tx.executions.add(one) for one in made])
    return made


def page(
    store: SqlStore,
    after: Execution | None = None,
    **wanted: Any,
) -> Sequence[Execution]:
    place = Position(after.created_at, after.id) if after else None
    return store.read(lambda tx: tx.executions.page(ExecutionFilter(**wanted), place, 2))


def test_executions_come_newest_first(store: SqlStore, three: tuple[Execution, ...]) -> None:
    assert page(store) == three[:2]


def test_a_page_goes_on_where_the_last_one_ended(
    store: SqlStore, three: tuple[Execution, ...]
) -> None:
    assert page(store, after=three[1]) == three[2:]


def test_executions_are_filtered_by_deployment_and_state(
    store: SqlStore, three: tuple[Execution, ...], new_execution: Callable[..., Execution]
) -> None:
    other = new_execution(deployment="b", state=ExecutionState.RUNNING)
    store.transact(lambda tx: tx.executions.add(other))

    assert page(store, deployments={"b"}) == (other,)
    assert page(store, state=ExecutionState.RUNNING) == (other,)
    assert page(store, deployments={"b"}, state=ExecutionState.QUEUED) == ()


def test_executions_are_found_by_the_time_of_their_kickoff(
    store: SqlStore, three: tuple[Execution, ...]
) -> None:
    newest = three[0].created_at
    assert page(store, since=newest) == three[:1]
    assert page(store, until=newest) == three[1:]


@pytest.fixture
def of_acme(store: SqlStore, new_execution: Callable[..., Execution]) -> Execution:
    execution = new_execution(meta={"customer": "Acme, 100%", "city": "Łódź"})
    store.transact(lambda tx: tx.executions.add(execution))
    return execution


@pytest.mark.parametrize("text", ["ACME", "łÓDŹ", "100%", '"customer"'])
def test_executions_are_found_by_a_text_in_their_meta(
    store: SqlStore, of_acme: Execution, text: str
) -> None:
    assert page(store, meta=text) == (of_acme,)


@pytest.mark.parametrize("text", ["1_0", "A%e", "else"])
def test_no_text_in_meta_is_a_pattern(store: SqlStore, of_acme: Execution, text: str) -> None:
    assert page(store, meta=text) == ()


def test_open_reviews_come_oldest_first(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    younger, older = new_review(created_at=now + timedelta(seconds=1)), new_review()
    closed = new_review(state=ReviewState.ANSWERED)
    store.transact(lambda tx: [tx.reviews.add(one) for one in (younger, older, closed)])

    first = store.read(lambda tx: tx.reviews.pending(None, None, 1))
    place = Position(first[0].created_at, first[0].id)
    rest = store.read(lambda tx: tx.reviews.pending({"newsroom"}, place, 9))

    assert (*first, *rest) == (older, younger)
    assert store.read(lambda tx: tx.reviews.pending({"b"}, None, 9)) == ()
