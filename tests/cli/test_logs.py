"""What the processes of this machine logged, shown wherever they were told to keep it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import InvalidSettings

if TYPE_CHECKING:
    from conftest import Command

LINE = json.dumps({"timestamp": "now", "level": "info", "event": "began"})


def test_a_log_file_of_ones_own_is_read(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.jsonl").write_text(f"{LINE}\n")
    monkeypatch.setenv("ORCHESTRATOR_LOG_FILE", str(tmp_path / "own.jsonl"))
    assert command("logs") == "now  info  began"


def test_the_lines_of_an_execution_are_found_however_its_id_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = json.dumps({"timestamp": "now", "level": "info", "event": "ran", "execution_id": "01ab"})
    (tmp_path / "own.jsonl").write_text(f"{LINE}\n{its}\n")
    monkeypatch.setenv("ORCHESTRATOR_LOG_FILE", str(tmp_path / "own.jsonl"))
    assert command("logs", "01AB") == "now  info  ran"


def test_a_log_file_in_nobody_s_home_is_not_there(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_LOG_FILE", "~nobody-of-that-name/own.jsonl")
    with pytest.raises(InvalidSettings, match="There is no log at ~nobody-of-that-name"):
        raise command.run("logs").exception or AssertionError


def test_a_folder_that_is_named_goes_before_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "service.jsonl").write_text(f"{LINE}\n")
    monkeypatch.setenv("ORCHESTRATOR_LOG_FILE", str(tmp_path / "none.jsonl"))
    assert command("logs", "--data", str(tmp_path)) == "now  info  began"
