"""What things cost is added up by name; what is no count is left out, or kept as it is."""

from __future__ import annotations

from orchestrator.domain.usage import added_to, added_up

FIRST = {"total_tokens": 3, "model": "small"}
SECOND = {"total_tokens": 4, "requests": 1, "model": "large"}


def test_counts_are_added_up_by_name() -> None:
    assert added_up([FIRST, None, SECOND]) == {"total_tokens": 7, "requests": 1}


def test_a_name_that_counts_nothing_stands() -> None:
    assert added_up([{"total_tokens": 0}]) == {"total_tokens": 0}


def test_what_is_no_count_is_as_it_was_said_last() -> None:
    assert added_to(FIRST, SECOND) == {"total_tokens": 7, "requests": 1, "model": "large"}


def test_a_text_of_before_is_not_kept() -> None:
    assert added_to(FIRST, {"requests": 1}) == {"total_tokens": 3, "requests": 1}


def test_nothing_may_have_been_before() -> None:
    assert added_to(None, FIRST) == FIRST
