"""A host that does not answer is left alone for a while, then tried once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.endpoint_host import BREAKS_AFTER, Host

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ABOUT_TO_BREAK = Host("h", failures=BREAKS_AFTER - 1, has_answered=True)
BROKEN = replace(ABOUT_TO_BREAK, failures=BREAKS_AFTER, breaks=1, open_until=NOW + 30 * SECOND)


def test_the_last_of_too_many_failures_leaves_a_host_alone() -> None:
    assert ABOUT_TO_BREAK.failed(NOW, 0) == BROKEN


@pytest.mark.parametrize(("jitter", "seconds"), [(-1, 24), (0, 30), (1, 36)])
def test_jitter_moves_the_time_by_up_to_a_fifth(jitter: float, seconds: int) -> None:
    assert ABOUT_TO_BREAK.failed(NOW, jitter).open_until == NOW + seconds * SECOND


def test_a_host_is_left_alone_until_its_time_and_no_longer() -> None:
    moments = (NOW, NOW + 29 * SECOND, NOW + 30 * SECOND)
    assert [BROKEN.is_open(now) for now in moments] == [True, True, False]
    assert not Host("h").is_open(NOW)


def test_while_one_try_is_out_no_other_is_made() -> None:
    until = NOW + 90 * SECOND
    assert BROKEN.probed(until) == replace(BROKEN, open_until=until)
