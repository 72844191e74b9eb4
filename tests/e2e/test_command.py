"""The command as an operator meets it: what goes wrong is one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest
from processes import free_port
from service import Service

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("e2e")]

COMMAND = Path(sys.executable).with_name("orchestrator")
Run: TypeAlias = Callable[..., CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command by its absolute path, in an empty folder, with nothing in its PATH."""

    def command(*arguments: str, **environment: str) -> CompletedProcess[str]:
        unset = ("ORCHESTRATOR_",)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(unset)}
        return subprocess.run(
            [str(COMMAND), *arguments],
            cwd=tmp_path,
            env={**inherited, "PATH": "", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return command


def complaint(done: CompletedProcess[str]) -> str:
    """The one line on standard error of a command that failed."""
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_the_command_needs_no_path(run: Run) -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "up" in done.stdout


def test_a_second_service_on_the_same_data_is_refused(service: Service, run: Run) -> None:
    options = ["--data", str(service.data), "--deployments", str(service.deployments)]
    line = complaint(run("up", "--port", str(free_port()), *options))
    assert line.startswith("orchestrator: ")
    assert str(service.data) in line
    assert service.call("GET", "/healthz").status_code == 200


def test_a_port_that_is_taken_is_named(run: Run, service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = complaint(run("up", "--port", port, "--deployments", str(service.deployments)))
    assert f"Cannot listen on 127.0.0.1:{port}" in line
    assert "--port" in line


def test_a_deployment_file_that_is_not_there_is_asked_for(run: Run, tmp_path: Path) -> None:
    done = run("up", "--port", str(free_port()))
    assert done.returncode == 1
    assert f"There is no deployment file at {tmp_path}/config/deployments.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_cannot_be_read_is_named(run: Run) -> None:
    line = complaint(run("up", ORCHESTRATOR_PORT="many"))
    assert "ORCHESTRATOR_PORT" in line


@pytest.mark.parametrize(
    ("arguments", "spoiled"),
    [
        ("up", "a file"),
        ("api", "beneath a file"),
        ("migrate", "read-only"),
        ("up", "broker is a file"),
        ("status x", "database is a folder"),
    ],
)
def test_a_data_folder_that_is_none_is_told_in_a_sentence(
    run: Run, tmp_path: Path, arguments: str, spoiled: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "crews.toml").write_text('[deployments.x]\nfunctions = "a:b"\n')
    (tmp_path / "folder" / "orchestrator.db").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "broker").touch()
    data = {
        "a file": tmp_path / "file",
        "beneath a file": tmp_path / "file" / "data",
        "read-only": Path("/sys"),  # also for a superuser
        "database is a folder": tmp_path / "folder",
        "broker is a file": tmp_path / "other",
    }[spoiled]
    port = ["--port", str(free_port())] if arguments == "up" else []
    environment = {
        "ORCHESTRATOR_DATA": str(data),
        "ORCHESTRATOR_DEPLOYMENTS": str(tmp_path / "crews.toml"),
    }
    done = run(*arguments.split(), *port, **environment)
    line = done.stderr.splitlines()[-1]  # what was logged may stand before it
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert any(way in line for way in ("ORCHESTRATOR_DATA", "orchestrator doctor", "Mend it"))


def test_an_unknown_execution_is_one_line(run: Run, service: Service) -> None:
    options = ["--data", str(service.data), "--deployments", str(service.deployments)]
    assert complaint(run("status", "nobody", *options)).endswith(
        "No execution found with ID: nobody"
    )


@pytest.mark.parametrize("arguments", [["dance"], ["up", "--sideways"], ["token", "dance"]])
def test_a_command_that_does_not_exist_shows_how_to_ask_for_help(
    run: Run, arguments: list[str]
) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr
