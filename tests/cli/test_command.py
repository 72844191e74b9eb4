from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.adapters.sql.migrate import downgrade

if TYPE_CHECKING:
    from conftest import Command


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.processes
def test_what_is_unknown_is_one_line(command: Command) -> None:
    ended = run("status", "none")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr == "orchestrator: No execution found with ID: none\n"


@pytest.mark.processes
def test_a_database_without_tables_is_one_line(command: Command) -> None:
    downgrade(command.settings.resolved_database_url, "base")
    ended = run("executions", "list")
    last = ended.stderr.splitlines()[-1]
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert last.startswith("orchestrator: The database is at revision none")


def test_a_file_that_is_not_there_is_one_line() -> None:
    ended = run("audit", "verify", "--file", "no/such/file")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "No such file or directory: 'no/such/file'" in ended.stderr


@pytest.mark.processes
@pytest.mark.parametrize(
    "arguments", [("status", "\udcff"), ("reviews", "list", "--deployment", "\udcff")]
)
def test_bytes_that_are_no_text_are_one_line(command: Command, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "'\\udcff' cannot be written as utf-8" in ended.stderr


@pytest.mark.processes
@pytest.mark.parametrize("arguments", [("up",), ("api",), ("sweep",), ("migrate",)])
def test_a_folder_in_nobody_s_home_is_one_line(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments, "--data", "~nobody-of-that-name/crews")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "ORCHESTRATOR_DATA: ~nobody-of-that-name/crews" in ended.stderr


@pytest.mark.processes
def test_a_secret_that_cannot_sign_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_WEBHOOK_SECRET", "whsec_c2hvcnQ=")
    ended = run("executions", "list")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "ORCHESTRATOR_WEBHOOK_SECRET" in ended.stderr
    assert "c2hvcnQ" not in ended.stderr


@pytest.mark.processes
def test_an_address_that_is_taken_is_one_line(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("api", "--port", port)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"Cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_the_shell_completes_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ORCHESTRATOR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "orchestrator rev")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert (
        "reviews"
        in subprocess.run(
            [sys.executable, "-c", "from orchestrator.cli import main; main()"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    )
