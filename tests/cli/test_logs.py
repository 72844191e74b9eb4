"""What the processes of this machine logged, shown wherever they were told to keep it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Command

LINE = json.dumps({"timestamp": "now", "level": "info", "event": "began"})


def test_a_log_file_of_ones_own_is_read(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.jsonl").write_text(f"{LINE}\n")
    monkeypatch.setenv("ORCHESTRATOR_LOG_FILE", str(tmp_path / "own.jsonl"))
    assert command("logs") == "now  info  began"


def test_a_folder_that_is_named_goes_before_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "service.jsonl").write_text(f"{LINE}\n")
    monkeypatch.setenv("ORCHESTRATOR_LOG_FILE", str(tmp_path / "none.jsonl"))
    assert command("logs", "--data", str(tmp_path)) == "now  info  began"
