from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from time import tzset

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.canonical import decode, digest, encode, moment, storable

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=JSON)
def test_a_value_is_the_same_after_it_was_encoded(value: object) -> None:
    assert decode(encode(value)) == value


def test_equal_values_have_equal_bytes() -> None:
    assert encode({"b": 1, "a": [1, "é"]}) == '{"a":[1,"é"],"b":1}'.encode()
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\udfffb"])
def test_text_that_no_database_takes_survives_as_escapes(text: str) -> None:
    assert decode(encode(text)) == text
    assert b"\0" not in encode(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_know_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(value)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("é and 🦀", "é and 🦀"),
        ("a\0b", "a\ufffdb"),
        ("é\0", "é\ufffd"),
        ("\ud800", "\ufffd"),
        ("é \udfffb\0", "é \ufffdb\ufffd"),
    ],
)
def test_what_no_text_column_holds_is_replaced(text: str, kept: str) -> None:
    assert storable(text) == kept


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own clock is that of Tokyo."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        tzset()
        yield
    tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_a_moment_has_one_form_wherever_it_was_taken_and_is_told() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    told = "2026-11-22T12:00:00.000000+00:00"
    assert moment(at) == moment(at.astimezone(timezone(timedelta(hours=-3)))) == told
