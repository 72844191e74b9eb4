from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import AlreadyRunning, CannotBackUp, CannotRestore

if TYPE_CHECKING:
    from conftest import Command


def test_a_backup_is_restored_into_the_place_of_the_database(
    command: Command, tmp_path: Path, work: Callable[[], None]
) -> None:
    file = tmp_path / "backup.db"
    before = command("kickoff", "article", "-i", "topic=bees")
    assert "as it was when this began" in command("backup", str(file))
    command("stop", before)
    command.ports.store.dispose()
    said = command("restore", str(file))
    assert "orchestrator.db.before-restore" in said
    assert "orchestrator migrate" in said
    work()
    assert command.json("status", before)["status"] == "pending_human_input"


def test_a_backup_is_not_written_over_unless_asked(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    command("backup", str(file))
    with pytest.raises(CannotBackUp, match="--replace"):
        raise command.run("backup", str(file)).exception or AssertionError
    command("backup", str(file), "--replace")


def test_a_restore_refuses_while_up_holds_the_folder(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    command("backup", str(file))
    with (command.settings.data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning):
            raise command.run("restore", str(file)).exception or AssertionError


def test_a_restore_refuses_while_a_process_has_the_database_open(
    command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    command("backup", str(file))
    command.ports.store.read(lambda tx: tx.now())
    with pytest.raises(CannotRestore, match="stop every process"):
        raise command.run("restore", str(file)).exception or AssertionError


def test_a_reencryption_says_what_it_wrote_and_that_nothing_is_left(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (command.settings.data / "secret_key").read_text()
    hook = "https://hooks.example/a"
    now = command.ports.clock.now()
    command.ports.store.transact(lambda tx: tx.endpoints.ensure("article", hook, None, now))
    monkeypatch.setenv("ORCHESTRATOR_SECRET_KEY", f"new,{old}")
    said = command("secrets", "reencrypt")
    assert "1 URLs of endpoints written" in said
    assert "Nothing is left under another key" in said
    assert command.json("audit", "--limit", "1")[0]["event"] == "secrets.reencrypt"
    monkeypatch.setenv("ORCHESTRATOR_SECRET_KEY", "new")
    assert command.json("secrets", "reencrypt") == {"written": {}, "left": 0, "sealed": 0}
    monkeypatch.setenv("ORCHESTRATOR_SECRET_KEY", "wrong")
    assert "Put the key that wrote them back" in command("secrets", "reencrypt", status=1)
