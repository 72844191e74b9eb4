from __future__ import annotations

import io
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from orchestrator.adapters import logs
from orchestrator.cli import processes


@pytest.fixture
def on_a_full_disk(tmp_path: Path) -> Path:
    """A log on a disk that takes nothing: the kernel has such a file."""
    log = tmp_path / "service.jsonl"
    log.symlink_to("/dev/full")
    return log


def fill(path: Path, text: str) -> None:
    path.write_text(text * logs.MOST_BYTES)


def test_a_full_log_is_moved_aside_and_the_oldest_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 10)
    newest = tmp_path / "service.jsonl"
    for letter in "abcde":
        fill(newest, letter)
        logs.keep_bounded(newest)
    newest.write_text("f")
    logs.keep_bounded(newest)
    assert [path.read_text()[0] for path in logs.log_files(newest)] == ["c", "d", "e", "f"]
    assert len(list(tmp_path.iterdir())) == 1 + logs.KEPT_FILES


def test_what_processes_print_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 10)
    printed = tmp_path / logs.PRINTED
    with printed.open("ab", buffering=0) as file:
        file.write(b"x" * 11)
        logs.keep_bounded(tmp_path / "service.jsonl")
        file.write(b"y")
    assert printed.read_bytes() == b"y"


def test_a_log_that_cannot_be_moved_aside_grows_until_it_can_and_holds_no_sweep_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 10)
    newest = tmp_path / "service.jsonl"
    fill(newest, "a")
    fill(tmp_path / f"service.jsonl.{logs.KEPT_FILES - 1}", "b")
    in_the_way = tmp_path / f"service.jsonl.{logs.KEPT_FILES}"
    in_the_way.mkdir()
    with capture_logs() as lines:
        assert processes.grows(newest, is_known=False)
        assert processes.grows(newest, is_known=True)
    assert [line["file"] for line in lines] == [str(newest)]
    assert newest.exists()
    in_the_way.rmdir()
    assert not processes.grows(newest, is_known=True)
    assert not newest.exists()


def test_a_full_disk_is_told_of_once_and_fails_nobody_who_writes_a_line(
    on_a_full_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest, handler = on_a_full_disk, logs.KeptFile(on_a_full_disk, delay=True)
    line = logging.makeLogRecord({"msg": "a line"})
    for _ in range(3):
        handler.handle(line)
    assert capsys.readouterr().err.splitlines() == [
        f"Log lines are not kept in {newest}: [Errno 28] No space left on device"
    ]
    newest.unlink()
    handler.handle(line)
    handler.close()
    assert newest.read_text() == "a line\n"


@pytest.mark.parametrize("stream", ["closed", "none"])
def test_a_full_disk_fails_nobody_where_standard_error_is_closed(
    on_a_full_disk: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed if stream == "closed" else None)
    handler = logs.KeptFile(on_a_full_disk, delay=True)

    handler.handle(logging.makeLogRecord({"msg": "a line"}))


def test_two_that_keep_it_bounded_do_not_end_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 10)
    newest = tmp_path / "service.jsonl"

    def keep(_: int) -> None:
        newest.write_text("x" * 11)
        logs.keep_bounded(newest)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep, range(400)))
    assert len(logs.log_files(newest)) <= 1 + logs.KEPT_FILES
