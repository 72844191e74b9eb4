from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.completion import deployment_names, execution_ids, review_ids

if TYPE_CHECKING:
    from conftest import Command, Work


def test_names_of_deployments_are_completed(command: Command) -> None:
    assert deployment_names("art") == ["article"]
    assert deployment_names("x") == []


def test_ids_are_completed_with_what_they_are(command: Command, work: Work) -> None:
    execution_id = command("kickoff", "article", "-i", "topic=bees")
    work()
    (review,) = command.json("reviews", "list")
    assert execution_ids(execution_id[:8]) == [(execution_id, "article, PENDING_HUMAN_INPUT")]
    assert review_ids("") == [(review["review_id"], "article, write")]
    assert execution_ids("x") == review_ids("x") == []


def test_nothing_is_completed_where_there_is_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATA", "/nowhere")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    assert execution_ids("") == review_ids("") == []
