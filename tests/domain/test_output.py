from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.canonical import decode, digest, encode
from orchestrator.domain.output import LIMIT, PREVIEW, Output, Preview
from orchestrator.errors import Invalid, TaskFailed

DATA = Output(
    '{"row": 1}', "Ann", "Find a seat", "A row", "Row 1", {"row": 1}, {"pydantic": "Seat"}
)


def nested(depth: int) -> Any:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def test_an_output_is_stored_with_all_that_it_has() -> None:
    assert decode(encode(DATA.to_json())) == {
        "raw": '{"row": 1}',
        "agent": "Ann",
        "description": "Find a seat",
        "expected_output": "A row",
        "summary": "Row 1",
        "json": {"row": 1},
        "extra": {"pydantic": "Seat"},
    }


@pytest.mark.parametrize("output", [DATA, Output("plain")])
def test_an_output_is_the_same_after_it_was_stored(output: Output) -> None:
    assert Output.from_json(output.to_json()) == output


def test_what_a_newer_version_wrote_of_an_output_is_passed_over() -> None:
    assert Output.from_json({"raw": "plain", "colour": "red"}) == Output("plain")


def test_the_digest_is_that_of_the_text_alone() -> None:
    assert DATA.digest == Output(DATA.raw).digest == digest('{"row": 1}')


@pytest.mark.parametrize(
    ("raw", "preview"),
    [
        ("short", Preview("short")),
        ("x" * PREVIEW, Preview("x" * PREVIEW)),
        ("x" * PREVIEW + "y", Preview("x" * PREVIEW, is_cut=True)),
    ],
)
def test_a_preview_is_the_beginning_and_says_whether_it_goes_on(raw: str, preview: Preview) -> None:
    assert Output(raw).preview == preview


def test_an_output_up_to_the_limit_is_kept() -> None:
    largest = Output("x" * (LIMIT - len(encode(Output("").to_json()))))
    assert largest.to_json()["raw"] == largest.raw

    with pytest.raises(TaskFailed) as failed:
        replace(largest, raw=largest.raw + "x").to_json()
    assert str(failed.value) == ("The task's output has 16777217 bytes, over the limit of 16777216")
    assert not failed.value.retryable


@pytest.mark.parametrize(
    ("json", "why"),
    [
        (float("nan"), "Out of range float values are not JSON compliant"),
        ({1}, "Object of type set is not JSON serializable"),
        (nested(100_000), "maximum recursion depth exceeded"),
    ],
    ids=["NaN", "set", "deep"],
)
def test_an_output_without_a_json_form_fails_for_good(json: Any, why: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        Output("", json=json).to_json()
    assert str(failed.value).startswith(f"The task's output cannot be stored as JSON: {why}")
    assert not failed.value.retryable


def test_an_edit_of_a_text_is_the_text() -> None:
    output = Output("plain", "Ann", extra={"kept": True})
    assert output.edited("{") == replace(output, raw="{")


def test_an_edit_of_data_is_data() -> None:
    assert DATA.edited('{"row": 2}') == replace(DATA, raw='{"row": 2}', json={"row": 2})


@pytest.mark.parametrize(
    "text",
    ["", "{", "row 2", "NaN", "[" * 100_000, f'"{"x" * LIMIT}"'],
    ids=["empty", "half", "words", "NaN", "deep", "large"],
)
def test_an_edit_of_data_has_to_be_data_that_can_be_stored(text: str) -> None:
    with pytest.raises(Invalid, match=r"^'edited_output' must be JSON, as this task's output is: "):
        DATA.edited(text)


def test_an_edit_that_is_no_data_says_where() -> None:
    with pytest.raises(Invalid) as raised:
        DATA.edited("{")
    why = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    assert raised.value.details == {"edited_output": why}
    assert str(raised.value).endswith(why)
