from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from processes import came_true
from structlog.testing import capture_logs

from orchestrator.api.common import feed as feeding
from orchestrator.api.common.feed import Feed, Listener, Right
from orchestrator.domain.timeline import Entry
from orchestrator.ports import EVERY_ENTRY

if TYPE_CHECKING:
    from conftest import Service

AT = datetime(2026, 11, 22, tzinfo=UTC)


def entry(number: int) -> Entry:
    return Entry("e", "d", AT, "sweep", "review.open", "r", number=number)


@pytest.fixture
def heard() -> tuple[Feed, Listener]:
    """A feed that has passed on number 1, and one who listens to it."""
    feed = Feed(ports=None)  # type: ignore[arg-type]
    listener = Listener(EVERY_ENTRY, Right("t"))
    feed._listeners.add(listener)
    feed._pass_on([entry(1)])
    asyncio.run(listener.next(0.01))
    return feed, listener


def numbers(listener: Listener) -> list[Any]:
    async def read() -> list[Any]:
        found = []
        while each := await listener.next(0.01):
            found.append(each.number)
        return found

    return asyncio.run(read())


def test_a_gap_holds_nobody_up(heard: tuple[Feed, Listener]) -> None:
    feed, listener = heard
    feed._pass_on([entry(3)])
    assert numbers(listener) == [3]


def test_who_does_not_read_is_cut_off(heard: tuple[Feed, Listener]) -> None:
    feed, listener = heard
    feed._pass_on([entry(number) for number in range(2, feeding.MOST_UNREAD + 3)])
    assert listener.is_cut_off


def test_what_was_read_with_a_revocation_is_not_told(heard: tuple[Feed, Listener]) -> None:
    feed, listener = heard
    feed._pass_on([entry(2)])
    feed._pass_on([entry(3)], ended={Right("t")})
    assert listener.is_cut_off
    assert numbers(listener) == []


def test_an_outage_fills_no_log_with_tracebacks(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked twice a second, for as long as somebody listens."""
    monkeypatch.setattr(feeding, "SECONDS_BETWEEN_LOOKS", 0.0)
    service.lose_database()
    feed = Feed(service.client.app.state.ports)  # type: ignore[attr-defined]

    def failed() -> list[Any]:
        return [each.get("exc_info") for each in logs if "timelines" in each["event"]]

    async def look() -> None:
        polling = asyncio.create_task(feed._poll())
        await asyncio.to_thread(came_true, failed, 30.0)
        polling.cancel()

    with capture_logs() as logs:
        asyncio.run(look())
    assert set(failed()) == {None}
