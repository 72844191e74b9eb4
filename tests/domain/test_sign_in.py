from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.session import IDLE, LINK_LIVES, LONGEST, SEEN_AGAIN, Session, SignInLink

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def test_a_session_begins_now_with_a_token_or_as_a_person() -> None:
    assert Session.begin("h", "t-1", NOW) == Session("h", "t-1", NOW, NOW, NOW + LONGEST)
    assert Session.begin("h", None, NOW, "ann@x.example") == Session(
        "h", None, NOW, NOW, NOW + LONGEST, person="ann@x.example"
    )


@pytest.mark.parametrize(
    ("seen_after", "ends_after"),
    [
        (timedelta(0), IDLE),
        (timedelta(hours=5), timedelta(hours=5) + IDLE),
        (LONGEST - IDLE, LONGEST),
        (LONGEST - INSTANT, LONGEST),
    ],
)
def test_a_session_ends_when_it_is_idle_and_at_last_in_any_case(
    seen_after: timedelta, ends_after: timedelta
) -> None:
    session = Session("h", "t-1", NOW, NOW + seen_after, NOW + LONGEST)
    assert session.is_live(NOW + ends_after - INSTANT)
    assert not session.is_live(NOW + ends_after)


def test_the_use_of_a_session_is_noted_once_a_minute() -> None:
    session = Session.begin("h", "t-1", NOW)
    assert not session.is_to_note(NOW + SEEN_AGAIN - INSTANT)
    assert session.is_to_note(NOW + SEEN_AGAIN)


def test_a_link_is_live_for_a_while_and_works_once() -> None:
    link = SignInLink.ask("l-1", "ann@x.example", "/inbox", NOW)
    minute = timedelta(minutes=1)
    asked = SignInLink("l-1", "ann@x.example", "/inbox", NOW, NOW + LINK_LIVES)
    assert link == replace(asked, wake_at=NOW + minute)
    assert link.is_live(NOW + LINK_LIVES - INSTANT)
    assert not link.is_live(NOW + LINK_LIVES)

    assert not replace(asked, used_at=NOW).is_live(NOW)


def test_the_pauses_between_two_tries_of_a_link_double() -> None:
    link = SignInLink.ask("l-1", "ann@x.example", "/inbox", NOW)
    since = [timedelta(seconds=seconds) for seconds in (0, 10, 20, 40, 80)]
    assert [(link.try_again_at(NOW + each) - NOW - each).seconds for each in since] == [
        *(10, 10, 20, 40, 80)
    ]
    assert [(link.publish_again_at(NOW + each) - NOW - each).seconds for each in since] == [
        *(60, 60, 60, 60, 80)
    ]
