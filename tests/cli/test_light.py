"""Help and completion answer at once: they import nothing of what the service is made of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

HEAVY = {
    "alembic",
    "celery",
    "crewai",
    "fastapi",
    "kombu",
    "pydantic_settings",  # pydantic itself is used by typer
    "requests",
    "rich",
    "sqlalchemy",
    "structlog",
    "uvicorn",
}

LOOK = """
import json, sys
from orchestrator.cli import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported(*arguments: str, folder: Path, **environment: str) -> set[str]:
    """The packages that are imported once the command has run."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments],
        cwd=folder,
        env={"HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["up", "--help"], ["reviews", "--help"], ["reviews", "list"]],
    ids=" ".join,
)
def test_help_imports_no_part_of_the_service(tmp_path: Path, arguments: list[str]) -> None:
    assert imported(*arguments, folder=tmp_path) & HEAVY == set()


@pytest.mark.parametrize("command", ["rev", "status ", "kickoff "])
def test_completion_imports_no_part_of_the_service(tmp_path: Path, command: str) -> None:
    completing = {
        "_ORCHESTRATOR_COMPLETE": "complete_bash",
        "COMP_WORDS": f"orchestrator {command}",
        "COMP_CWORD": str(1 + command.count(" ")),
    }
    assert imported(folder=tmp_path, **completing) & HEAVY == set()


@pytest.mark.parametrize(
    "arguments",
    ["status x", "reviews list", "executions list", "doctor", "token list", "audit", "--help"],
)
def test_a_command_that_looks_makes_no_folder(tmp_path: Path, arguments: str) -> None:
    imported(*arguments.split(), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
