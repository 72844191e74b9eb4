"""``orchestrator init`` makes a project that runs: its own test passes, as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess

import pytest

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("examples")]

COMMAND = Path(sys.executable).with_name("orchestrator")
needs_crewai = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
]


def run(folder: Path, *command: str) -> CompletedProcess[str]:
    """Run it as where only our package and pytest are installed: without plugins of our tests."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )


@pytest.mark.parametrize(
    "kind",
    [
        "functions",
        pytest.param("crew", marks=needs_crewai),
        pytest.param("flow", marks=needs_crewai),
    ],
)
def test_a_new_project_passes_its_own_test(tmp_path: Path, kind: str) -> None:
    made = run(tmp_path, str(COMMAND), "init", "mine", "--kind", kind)
    assert made.returncode == 0, made.stderr
    assert "orchestrator up" in made.stdout
    project = tmp_path / "mine"
    assert {".env.example", "config"} < {path.name for path in project.iterdir()}
    tested = run(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".")
    assert tested.returncode == 0, tested.stdout


def test_what_is_to_be_typed_next_suits_a_name_with_a_blank(tmp_path: Path) -> None:
    made = run(tmp_path, str(COMMAND), "init", "my crew")
    assert "    cd 'my crew'\n" in made.stdout


def test_a_folder_that_has_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kept.txt").touch()
    refused = run(tmp_path, str(COMMAND), "init", "mine")
    assert refused.returncode == 1
    assert "is there already" in refused.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["kept.txt"]
