from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.api.v1 import feed as feeding
from orchestrator.api.v1.feed import Feed, Listener
from orchestrator.domain.timeline import Entry

AT = datetime(2026, 11, 22, tzinfo=UTC)


def entry(number: int) -> Entry:
    return Entry("e", "d", AT, "sweep", "review.open", "r", number=number)


@pytest.fixture
def heard() -> tuple[Feed, Listener]:
    """A feed that has told number 1, and one who listens to it."""
    feed = Feed(ports=None)  # type: ignore[arg-type]
    listener = Listener(lambda _: True)
    feed._listeners.add(listener)
    feed._tell([entry(1)])
    asyncio.run(listener.next(0.01))
    return feed, listener


def numbers(listener: Listener) -> list[Any]:
    async def read() -> list[Any]:
        found = []
        while each := await listener.next(0.01):
            found.append(each.number)
        return found

    return asyncio.run(read())


def test_what_was_committed_late_is_told_in_its_place(heard: tuple[Feed, Listener]) -> None:
    feed, listener = heard
    feed._tell([entry(3)])
    feed._tell([entry(2), entry(3)])
    assert numbers(listener) == [2, 3]


def test_a_number_that_never_comes_is_passed_over(
    heard: tuple[Feed, Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, listener = heard
    feed._tell([entry(3)])
    monkeypatch.setattr(feeding, "PATIENCE", 0.0)
    feed._tell([entry(3)])
    assert numbers(listener) == [3]


def test_who_does_not_read_is_cut_off(heard: tuple[Feed, Listener]) -> None:
    feed, listener = heard
    feed._tell([entry(number) for number in range(2, feeding.MOST_UNREAD + 3)])
    assert listener.is_cut_off
