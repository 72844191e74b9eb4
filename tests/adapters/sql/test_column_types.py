from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from orchestrator.adapters.sql.column_types import Utc
from orchestrator.domain.canonical import storable

DIALECT = sqlite.dialect()
ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
AWARE = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001 - theirs


@given(one=AWARE, other=AWARE)
def test_times_as_text_sort_as_times_do(one: datetime, other: datetime) -> None:
    texts = [Utc().process_bind_param(at, DIALECT) for at in (one, other)]

    assert (texts[0] < texts[1]) == (one < other)


@given(at=AWARE)
def test_a_time_comes_back_in_utc(at: datetime) -> None:
    read = Utc().process_result_value(Utc().process_bind_param(at, DIALECT), DIALECT)

    assert read == at
    assert read.tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Utc().process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001 - the point


@given(text=st.text(st.characters(exclude_categories=())))
def test_storable_text_has_the_same_length_and_can_be_encoded(text: str) -> None:
    kept = storable(text)

    assert len(kept) == len(text)
    assert b"\0" not in kept.encode()
