"""How an output is shown."""

from __future__ import annotations

import json
import re

import pytest

from orchestrator.api.pages import shown_output
from orchestrator.api.pages.shown_output import LONGEST_OUTPUT, MOST_NODES, SHOWN_AT_ONCE
from orchestrator.api.pages.shown_output import shown_output as shown


def test_numbers_and_keys_stand_as_they_were_written() -> None:
    html = shown('{"a": 1.50, "a": 12345678901234567890123, "b": 1e400, "c": [true, null, "x"]}')
    assert re.findall(r"<i>(.*?)</i>", html) == [
        "1.50",
        "12345678901234567890123",
        "1e400",
        "true",
        "null",
    ]
    assert re.findall(r"<b dir=auto>(.*?)</b>", html) == ["a", "a", "b", "c"]


def test_data_is_folded_where_it_is_deep_or_long() -> None:
    html = shown(json.dumps({"a": {"b": {"c": 1}}, "many": list(range(100)), "none": []}))
    assert html.count("<details open>") == 2
    assert html.count("<details>") == 2
    assert "<summary>100 items</summary>" in html
    assert "<details><summary dir=auto>xxx" in shown(json.dumps(["x" * 1000]))


def test_what_stands_in_data_is_no_html() -> None:
    html = shown(json.dumps({"<b>": "<script>", "\u202e": "\u202e"}))
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert "\u202e" not in html


def test_too_much_data_is_no_tree() -> None:
    assert shown(json.dumps([0] * MOST_NODES)).startswith("<pre>[")
    assert "<details" not in shown("[" * 10_000)


def test_the_rest_of_a_long_text_is_folded_between_paragraphs() -> None:
    text = "\n\n".join(f"* paragraph {number}" for number in range(2_000))
    paragraphs = "\n\n".join(f"Paragraph {number}" for number in range(2_000))
    html = shown(paragraphs)
    begin, rest = html.split('<details class="rest">')
    shown_at_once = "\n\n".join(re.findall("<p>(.*?)</p>", begin))
    assert SHOWN_AT_ONCE - 10 < len(shown_at_once) < SHOWN_AT_ONCE + 100
    assert begin.count("<p>") + rest.count("<p>") == 2_000
    assert "class" not in shown(text)  # one list is not torn apart
    assert "<details" not in shown("Short")


def test_links_tell_nobody_where_one_came_from() -> None:
    html = shown("[x](https://example.com/) ![y](https://example.com/y.png) [z](javascript:1)")
    assert 'rel="noopener noreferrer nofollow"' in html
    assert html.count("<a ") == 1
    assert "<img" not in html


@pytest.mark.parametrize("text", ["", "{", "[1,", "{}", "[]", " [ ] ", "x" * (LONGEST_OUTPUT + 9)])
def test_any_text_is_shown(text: str) -> None:
    assert len(shown_output.shown_output(text)) <= LONGEST_OUTPUT + 100
