from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Command

pytestmark = pytest.mark.processes

BROKEN = """
[deployments.article]
functions = "cli_test_crews:article"
[deployments.missing]
functions = "cli_test_crews:nothing"
[deployments.deadly]
functions = "cli_test_deadly:crew"
"""


@pytest.fixture
def broken(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Three deployments: one loads, one names what is not there, one kills its process."""
    command.settings.deployments.write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return command


def test_deployments_are_listed_as_workers_found_them(command: Command) -> None:
    listed = {each["deployment"]: each for each in command.json("deployments", "list")}
    article = listed["article"]
    assert (article["health"], article["tasks"]) == ("ready", ["write"])


def test_each_is_loaded_and_what_is_wrong_is_said(broken: Command) -> None:
    article, missing, deadly = broken.json("deployments", "check", status=1)
    assert (article["loads"], article["says"]) == (True, "tasks: write; inputs: none")
    assert "has no attribute 'nothing'" in missing["says"]
    assert deadly["says"] == "the process ended with status -9, without a word"


def test_one_is_checked_alone(broken: Command) -> None:
    assert "tasks: write" in broken("deployments", "check", "article")
