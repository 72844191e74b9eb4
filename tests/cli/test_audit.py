from __future__ import annotations

import csv
import errno
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from orchestrator.adapters.sql.schema import audit
from orchestrator.errors import Invalid

if TYPE_CHECKING:
    from conftest import Command


@pytest.fixture
def told(command: Command) -> str:
    """The id of an execution, beside two entries of the audit log."""
    command("token", "create", "--name", "alice")
    command("token", "create", "--name", "bob")
    return command("kickoff", "article", "-i", "topic=bees")


def tamper(command: Command) -> None:
    with command.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        connection.execute(update(audit).where(audit.c.number == 2).values(actor="eve"))


def test_a_record_that_is_whole_is_counted(command: Command, told: str) -> None:
    counts = command.json("audit", "verify")
    assert counts["broken"] == 0
    assert counts["streams"] == 2
    assert f"{counts['entries']} entries in 2 streams are whole." in command("audit", "verify")


def test_the_entry_that_was_altered_is_named(command: Command, told: str, tmp_path: Path) -> None:
    tamper(command)
    said = "administration: entry 2 (number 2) was altered, or was not written by the service"
    assert said in command("audit", "verify", status=1)
    file = tmp_path / "export.jsonl"
    command("audit", "export", "--output", str(file))
    assert said in command("audit", "verify", "--file", str(file), status=1)
    (fault,) = command.json("audit", "verify", status=1)["faults"]
    assert (fault["stream"], fault["place"]) == ("administration", 2)


def test_an_export_is_verified_without_the_service(
    command: Command, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "export.jsonl"
    command("audit", "export", "--output", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert isinstance(command.run("audit", "export", "--output", str(file)).exception, Invalid)
    monkeypatch.setenv("ORCHESTRATOR_DATA", str(tmp_path / "nowhere"))
    assert "are whole" in command("audit", "verify", "--file", str(file))
    file.write_text(file.read_text() + "this is no line\n")
    assert "cannot be read" in command("audit", "verify", "--file", str(file), status=1)


@pytest.mark.parametrize("line", [b"\xff\x00\xfe", b"[" * 100_000], ids=["bytes", "deep"])
def test_a_line_that_cannot_be_read_is_a_fault_of_the_file(
    command: Command, told: str, tmp_path: Path, line: bytes
) -> None:
    file = tmp_path / "export.jsonl"
    command("audit", "export", "--output", str(file))
    file.write_bytes(file.read_bytes() + line + b"\n")
    said = command("audit", "verify", "--file", str(file), status=1)
    assert "cannot be read" in said


def test_an_export_that_breaks_off_leaves_no_file(
    command: Command, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("orchestrator.cli.audit._write_lines", full)
    ended = command.run("audit", "export", "--output", str(tmp_path / "export.jsonl"))
    assert isinstance(ended.exception, OSError)
    assert not (tmp_path / "export.jsonl").exists()


def test_neither_keys_nor_deployments_are_needed(command: Command, told: str) -> None:
    for name in ("secret_key", "deployments.toml"):
        (command.settings.data / name).unlink()
    assert "are whole" in command("audit", "verify")
    assert not (command.settings.data / "secret_key").exists()


def test_an_export_as_csv_has_the_entries(command: Command, told: str) -> None:
    rows = list(csv.DictReader(io.StringIO(command("audit", "export", "--format", "csv"))))
    assert {row["execution_id"] for row in rows} == {told, ""}
    assert {"name": "bob", "permission": "manage"} in [json.loads(row["details"]) for row in rows]


def test_a_part_is_exported(command: Command, told: str) -> None:
    lines = command("audit", "export", "--deployment", "another").splitlines()
    assert [json.loads(line)["line"] for line in lines] == ["export", "end"]
    lines = command("audit", "export", "--until", "2020-01-01T00:00:00").splitlines()
    assert [json.loads(line)["line"] for line in lines] == ["export", "end"]


def test_entries_have_their_digests(command: Command, told: str) -> None:
    newest = command.json("audit", "--limit", "1")[0]
    assert newest["digest"].startswith("sha256:")
    assert newest == command.json("audit", "list", "--limit", "1")[0]
    entries = command.json("timeline", told)
    assert len({entry["digest"] for entry in entries}) == len(entries)
