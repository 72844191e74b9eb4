from __future__ import annotations

import json

import pytest

from orchestrator.cli.printing import print_json, print_record, print_records

RECORDS = [
    {"execution_id": "01a21529-dede-709e-8c61-b6fcfa66d74e", "state": "RUNNING", "error": None},
    {"execution_id": "01a21529-57bb-77e7-b097-0bb8ab5960ee", "state": "FAILED", "error": "no ink"},
]
COLUMNS = ("execution_id", "state", "error")


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_table_that_has_room_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_records(RECORDS, COLUMNS, as_json=False)
    assert printed(capsys) == [
        "execution id                          state    error",
        "01a21529-dede-709e-8c61-b6fcfa66d74e  RUNNING",
        "01a21529-57bb-77e7-b097-0bb8ab5960ee  FAILED   no ink",
    ]


def test_a_table_without_room_is_lines_and_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_records(RECORDS, COLUMNS, as_json=False)
    assert printed(capsys) == [
        "execution id  01a21529-dede-709e-8c61-b6fcfa66d74e",
        "state         RUNNING",
        "",
        "execution id  01a21529-57bb-77e7-b097-0bb8ab5960ee",
        "state         FAILED",
        "error         no ink",
    ]


def test_what_another_command_reads_is_a_table_of_any_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_records([{**RECORDS[1], "error": "x" * 300}], COLUMNS, as_json=False)
    assert printed(capsys)[1].endswith("FAILED  " + "x" * 300)


def test_a_long_text_has_lines_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"task_output": "one\ntwo", "approved": False, "note": None}, as_json=False)
    assert printed(capsys) == ["task output:", "    one", "    two", "approved     no"]


def test_a_cell_with_several_lines_is_one_in_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_records([{**RECORDS[1], "error": "one\ntwo"}], COLUMNS, as_json=False)
    assert printed(capsys)[1].endswith("FAILED  one …")


def test_what_a_model_wrote_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"task_output": "a\x1b[2Jb\rc\x07\u202ed\x9be"}, as_json=False)
    assert printed(capsys) == [r"task output  a\x1b[2Jb\rc\x07\u202ed\x9be"]


HALF_AND_STEERING = "half \ud83d, \x9b2J and \u202e"
"""A model may produce the first, which has no UTF-8 form, and a stranger the others."""


def test_half_a_character_is_shown_as_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"task_output": HALF_AND_STEERING}, as_json=False)
    assert printed(capsys) == ["task output  half \\ud83d, \\x9b2J and \\u202e"]


def test_json_for_scripts_steers_no_terminal_and_says_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"task_output": HALF_AND_STEERING, "ü": "é"})
    sent = capsys.readouterr().out
    assert json.loads(sent) == {"task_output": HALF_AND_STEERING, "ü": "é"}
    assert ("\\ud83d" in sent, "\\u009b" in sent, "é" in sent) == (True, True, True)
