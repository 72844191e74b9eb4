from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import flow_log
import pytest
from flow_world import FlowExecution

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.adapters.runners.crewai.environment import STORAGE, prepare_environment
from orchestrator.domain.deployment import Deployment

PRELUDE = """
import asyncio, threading, time
from typing import Any
from crewai import Agent, Crew, Flow, Process, Task
from crewai.flow import and_, human_feedback, listen, or_, persist, router, start
from pydantic import BaseModel, PrivateAttr
from flow_log import LOG, ran
from scripted_model import PROMPTS, Scripted, counts, says
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = find_spec("crewai") is None
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.crewai)
        # CrewAI warns of its own fields, imports and callbacks.
        item.add_marker(pytest.mark.filterwarnings("ignore"))
        if missing:
            item.add_marker(pytest.mark.skip(reason="needs the extra crewai"))


@pytest.fixture(scope="session", autouse=True)
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CrewAI without telemetry, with its files in a folder of the tests."""
    storage = tmp_path_factory.mktemp("crewai")
    prepare_environment(None)
    os.environ[STORAGE] = str(storage)
    return storage


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory whose modules are forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    flow_log.LOG.clear()
    yield tmp_path
    for name in ("users_flow", "scripted_model"):
        sys.modules.pop(name, None)


@pytest.fixture
def log() -> list[str]:
    """What ran, in order."""
    return flow_log.LOG


@pytest.fixture
def deploy(folder: Path) -> Callable[..., Deployment]:
    """Write a module of a user's code and declare a deployment of its flow."""

    def write(code: str, target: str = "F") -> Deployment:
        sys.modules.pop("users_flow", None)
        (folder / "users_flow.py").write_text(PRELUDE + dedent(code))
        return Deployment("demo", RunnerKind.FLOW, f"users_flow:{target}")

    return write


@pytest.fixture
def flow(deploy: Callable[..., Deployment]) -> Callable[..., FlowExecution]:
    """Begin an execution of a flow."""

    def begin(code: str, *, options: dict[str, Any] | None = None, **inputs: Any) -> FlowExecution:
        return FlowExecution(deploy(code), inputs, options=options or {})

    return begin
