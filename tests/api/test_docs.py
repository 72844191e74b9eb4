"""The page about the API says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator import jobs
from orchestrator.api.common.errors import MEANINGS
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.feedback import APPROVALS
from orchestrator.wire.words import STATE, STATUS

if TYPE_CHECKING:
    from conftest import Service


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_it_lists_the_words_that_approve(page: str) -> None:
    assert ", ".join(sorted(APPROVALS)) in " ".join(page.split())


def test_it_lists_every_error(page: str) -> None:
    for meaning in MEANINGS.values():
        assert f"| {meaning.status.value} | `" in page
        assert f"`{meaning.title}`" in page


def test_it_translates_every_state(page: str) -> None:
    for state in ExecutionState:
        waits = state is ExecutionState.PENDING_HUMAN_INPUT
        shown = "RUNNING" if waits else STATE[state]
        assert f"| `{STATUS[state]}` | `{shown}` |" in page


def test_it_names_the_public_jobs(page: str) -> None:
    assert all(f"`{name}`" in page for name in jobs.PUBLIC)


def test_it_names_every_call_across_deployments(page: str, service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    across = [path for path in paths if path.startswith("/v1/")]
    for path in across:
        shown = re.sub(r"\{(execution|review|delivery|endpoint)_id\}", "{id}", path)
        assert shown.replace("{deployment}/rotate", "{name}/rotate") in page
