from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.adapters.sql import SqlStore, migrate
from orchestrator.domain.feedback import Feedback
from orchestrator.domain.recipient import Recipient, RecipientState
from orchestrator.domain.review import Review, ReviewState
from orchestrator.errors import StaleWrite

YES = Feedback(approved=True, words="go\0od", actor="token:alice", channel="api", reviewer="Alice")


def add(store: SqlStore, *reviews: Review) -> None:
    store.transact(lambda tx: [tx.reviews.add(review) for review in reviews])


def test_a_review_is_read_as_it_was_written(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    written = new_review(expires_at=now)

    add(store, written)

    assert store.read(lambda tx: tx.reviews.get([written.id])) == {written.id: written}


def test_the_reviews_of_an_execution_come_oldest_first(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    first, second = new_review(), new_review(created_at=now + timedelta(seconds=1))

    add(store, second, first)

    assert store.read(lambda tx: tx.reviews.of(first.execution_id)) == (first, second)


def test_an_answer_is_stored_with_its_words(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    review = new_review()
    add(store, review)

    store.transact(lambda tx: tx.reviews.save(review, review.answer(YES, now)))

    answered = store.read(lambda tx: tx.reviews.get([review.id]))[review.id]
    assert answered.state is ReviewState.ANSWERED
    assert answered.words == "go\ufffdod"


def test_one_of_many_answers_decides(
    store: SqlStore,
    new_review: Callable[..., Review],
    now: datetime,
    race: Callable[..., list[Any]],
) -> None:
    review = new_review()
    add(store, review)

    def answer() -> bool:
        try:
            store.transact(lambda tx: tx.reviews.save(review, review.answer(YES, now)))
        except StaleWrite:
            return False
        return True

    assert sorted(race(answer)) == [False] * 7 + [True]


def test_a_closed_review_is_not_closed_again(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    review = new_review()
    add(store, review)
    store.transact(lambda tx: tx.reviews.save(review, review.answer(YES, now)))

    with pytest.raises(StaleWrite):
        store.transact(lambda tx: tx.reviews.save(review, review.expire(now)))


def test_overdue_are_open_reviews_whose_deadline_has_passed(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    late = new_review(expires_at=now)
    in_time = new_review(expires_at=now + timedelta(microseconds=1))
    closed = new_review(expires_at=now, state=ReviewState.ANSWERED)
    add(store, late, in_time, closed, new_review(expires_at=None))

    assert store.read(lambda tx: tx.reviews.overdue(now, 10)) == (late,)


def test_what_waits_comes_by_its_deadline_and_what_has_none_last(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    minute = timedelta(minutes=1)
    ordered = [
        new_review(deadline_at=now, created_at=now + minute),
        new_review(deadline_at=now + minute, created_at=now),
        new_review(deadline_at=now + minute, created_at=now + minute),
        new_review(created_at=now),
        new_review(created_at=now + minute),
    ]
    add(store, *reversed(ordered))
    closed = new_review(state=ReviewState.WITHDRAWN, closed_at=now)
    add(store, closed)

    for deployment in (None, ordered[0].deployment):
        assert pages(
            store, lambda tx, after, of=deployment: tx.reviews.waiting(of and {of}, after, 2)
        ) == [
            ordered[:2],
            ordered[2:4],
            ordered[4:],
        ]
    assert store.read(lambda tx: tx.reviews.waiting({"other"}, None, 2)) == ()
    assert store.read(lambda tx: tx.reviews.waiting(None, None, 2, "ann@example.com")) == ()


def test_what_was_closed_last_comes_first(
    store: SqlStore, new_review: Callable[..., Review], now: datetime
) -> None:
    done = [
        new_review(state=ReviewState.ANSWERED, closed_at=now - timedelta(minutes=ago))
        for ago in range(3)
    ]
    add(store, new_review(), *done)

    for deployment in (None, done[0].deployment):
        assert pages(
            store, lambda tx, after, of=deployment: tx.reviews.done(of and {of}, after, 2)
        ) == [
            done[:2],
            done[2:],
        ]
    assert store.read(lambda tx: tx.reviews.done({"other"}, None, 2)) == ()


def ask(store: SqlStore, review: Review, address: str, group: str | None = None) -> None:
    recipient = Recipient(
        str(uuid4()),
        review.id,
        review.execution_id,
        review.deployment,
        address,
        *(RecipientState.ASKED, 1, 0, f"group {group}" if group else "rule *", review.created_at),
        by_group=group,
    )
    store.transact(lambda tx: tx.recipients.add({recipient: "token"}))


def test_what_waits_for_a_person_and_for_their_groups_is_told_apart_and_counted(
    store: SqlStore, new_review: Callable[..., Review]
) -> None:
    mine, ours, theirs, closed = (new_review() for _ in range(4))
    add(store, mine, ours, theirs, closed)
    for review in (mine, closed):
        ask(store, review, "ann@x.com")
    ask(store, ours, "ann@x.com", "legal")
    ask(store, theirs, "ben@x.com", "legal")
    store.transact(lambda tx: tx.recipients.close(closed.id))
    store.transact(lambda tx: tx.reviews.save(closed, closed.withdraw(closed.created_at, "x")))

    def found(*, by_group: bool | None, of: str | None = "ann@x.com") -> tuple[set[str], int]:
        reviews = store.read(lambda tx: tx.reviews.waiting(None, None, 9, of, by_group=by_group))
        count = store.read(lambda tx: tx.reviews.count_waiting(None, 9, of, by_group=by_group))
        return {each.id for each in reviews}, count

    assert found(by_group=False) == ({mine.id}, 1)
    assert found(by_group=True) == ({ours.id}, 1)
    assert found(by_group=None) == ({mine.id, ours.id}, 2)
    assert found(by_group=None, of=None) == ({mine.id, ours.id, theirs.id}, 3)
    count = store.read(lambda tx: tx.reviews.count_waiting(None, 2))
    elsewhere = store.read(lambda tx: tx.reviews.count_waiting({"other"}, 9, "ann@x.com"))
    assert (count, elsewhere) == (2, 0)


def pages(store: SqlStore, read: Callable[..., tuple[Review, ...]]) -> list[list[Review]]:
    """Pages of two, to the end of the list."""
    found: list[list[Review]] = []
    after = None
    while page := store.read(lambda tx, place=after: read(tx, place)):
        found.append(list(page))
        after = page[-1]
    return found


def test_who_was_asked_before_groups_were_kept_is_known_by_the_reason(
    database: str, store: SqlStore, new_review: Callable[..., Review]
) -> None:
    review = new_review()
    add(store, review)
    ask(store, review, "ann@x.com", "legal team")
    ask(store, review, "ben@x.com")
    migrate.downgrade(database, "0026")
    migrate.upgrade(database)

    found = store.read(lambda tx: tx.recipients.of([review.id]))
    assert {each.address: each.by_group for each in found} == {
        "ann@x.com": "legal team",
        "ben@x.com": None,
    }
