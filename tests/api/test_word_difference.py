from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api.pages.word_difference import MOST_WORDS, difference

texts = st.lists(st.sampled_from(["a", "bee", "see", "\n"]), max_size=40).map(" ".join)


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("a b c", "a b c", "a b c"),
        ("a b c", "a x c", "a- b+ x c"),
        ("", "new", "+new"),
        ("gone", "", "-gone"),
        ("a  b", "a\nb", "a\nb"),
        ("", "", ""),
    ],
)
def test_what_changed_is_marked(before: str, after: str, marked: str) -> None:
    stretches = difference(before, after) or ()
    signs = ["-" if each.removed else "+" if each.added else "" for each in stretches]
    assert "".join(f"{s}{each.text}" for s, each in zip(signs, stretches, strict=True)) == marked


@given(before=texts, after=texts)
def test_both_texts_are_in_it(before: str, after: str) -> None:
    stretches = difference(before, after)
    assert stretches is not None
    old = " ".join(each.text for each in stretches if not each.added)
    new = " ".join(each.text for each in stretches if not each.removed)
    assert (old.split(), new.split()) == (before.split(), after.split())


def test_what_is_too_long_is_not_compared() -> None:
    assert difference("a " * (MOST_WORDS + 1), "a") is None
    assert difference("a", "a " * (MOST_WORDS + 1)) is None
    assert difference("a", "a " * MOST_WORDS) is not None
