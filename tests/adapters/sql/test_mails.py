from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.inbound_mail import MailState, StoredMail, WhyRefused
from orchestrator.ports import MailFilter, Position

Make = Callable[..., StoredMail]


@pytest.fixture
def add(store: SqlStore, now: datetime) -> Make:
    """Store a mail."""

    def make(**fields: object) -> StoredMail:
        waiting = StoredMail(
            str(uuid4()), f"<{uuid4()}@x>", now, b"raw", MailState.WAITING, wake_at=now
        )
        mail = replace(waiting, **fields)
        assert store.transact(lambda tx: tx.mails.add(mail))
        return mail

    return make


def test_pages_are_newest_first_and_end(store: SqlStore, now: datetime, add: Make) -> None:
    mails = [add(received_at=now + timedelta(seconds=at)) for at in (0, 1, 1, 2)]
    seen: list[str] = []
    after = None
    while page := store.read(lambda tx, place=after: tx.mails.page(MailFilter(), place, 3)):  # type: ignore[misc]  # mypy cannot infer it
        seen += [each.id for each in page]
        after = Position(page[-1].created_at, page[-1].id)
    assert seen == [m.id for m in sorted(mails, key=lambda m: (m.received_at, m.id), reverse=True)]


def test_what_a_mail_says_is_not_read_with_lists(store: SqlStore, add: Make) -> None:
    add()
    assert [each.raw for each in store.read(lambda tx: tx.mails.page(MailFilter(), None, 9))] == [
        None
    ]


def test_the_oldest_that_waits_is_told(store: SqlStore, now: datetime, add: Make) -> None:
    assert store.read(lambda tx: tx.mails.unread()) == (0, None)
    oldest = add(received_at=now - timedelta(hours=1))
    add()
    assert store.read(lambda tx: tx.mails.unread()) == (2, oldest.received_at)
    store.transact(lambda tx: tx.mails.settle(oldest.take()))
    assert store.read(lambda tx: tx.mails.unread()) == (1, now)


def test_refused_mails_are_counted_by_why(store: SqlStore, now: datetime, add: Make) -> None:
    for why in (WhyRefused.EMPTY, WhyRefused.EMPTY, WhyRefused.CLOSED):
        mail = add()
        store.transact(lambda tx, m=mail, w=why: tx.mails.settle(m.refuse(w, "so")))  # type: ignore[misc]  # mypy cannot infer it
    assert store.read(lambda tx: tx.mails.refused(now)) == {"empty": 2, "closed": 1}
    assert store.read(lambda tx: tx.mails.refused(now + timedelta(seconds=1))) == {}


def test_a_look_that_failed_keeps_the_time_of_the_last_that_did_not(store: SqlStore) -> None:
    for error in (None, "away", None, "gone"):
        store.transact(lambda tx, said=error: tx.mails.looked_at("box", said))  # type: ignore[misc]  # mypy cannot infer it
    (found,) = store.read(lambda tx: tx.mails.mailboxes())
    assert found.read_at
    assert (found.read_at < found.at, found.error) == (True, "gone")
