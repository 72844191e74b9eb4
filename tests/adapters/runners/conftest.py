from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.domain.chain import Chain, Remark
from orchestrator.domain.deployment import Deployment, RunnerKind
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan
from orchestrator.errors import ClaimLost
from orchestrator.ports import Runner, Step, TaskResult

PRELUDE = """
from crewai import Agent, Crew, Process, Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.project import CrewBase, after_kickoff, agent, before_kickoff, crew as a_crew, task
from crewai.tools import tool
from pydantic import BaseModel
from scripted_model import PROMPTS, Scripted, counts, says

def person(llm=None, **more):
    llm = llm or counts()
    return Agent(role=more.pop("role", "Writer"), goal="write", backstory="b", llm=llm, **more)

def job(description, who, **more):
    return Task(description=description, expected_output="text", agent=who, **more)
"""


@dataclass
class Told:
    """A Progress that keeps what it is told; ``stopped`` makes the run's work vain."""

    stopped: bool = False
    stops_at: str = ""
    steps: list[Step] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)

    def stop_at(self, kind: str) -> None:
        """Have the work be in vain from the first event of this kind on."""
        self.stops_at = kind

    def check(self) -> None:
        if self.stopped:
            raise ClaimLost

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def event(self, kind: str, data: Any) -> None:
        self.events.append((kind, data))
        self.stopped = self.stopped or kind == self.stops_at


@dataclass
class Run:
    """One execution of a deployment, task by task, as the use cases drive it."""

    runner: Runner
    deployment: Deployment
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[int, Output] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    results: list[TaskResult] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    round: int = 1

    @property
    def plan(self) -> Plan:
        return self.runner.plan(self.deployment)

    def chain(self, index: int) -> Chain:
        return Chain(
            "e-1",
            self.deployment.name,
            self.plan,
            index,
            self.round,
            self.inputs,
            self.outputs,
            tuple(self.remarks),
        )

    def task(self, index: int) -> TaskResult:
        """Run one task; its output crosses to the next one as JSON, as in the database."""
        result = self.runner.run(self.deployment, self.chain(index), self.told)
        self.outputs[index] = Output.from_json(result.output.to_json())
        self.results.append(result)
        return result

    def all(self) -> list[str]:
        """Run every task in order and return their texts."""
        count = len(self.plan.tasks)
        return [self.task(index).output.raw for index in range(count)]

    def remark(self, index: int, words: str, *, approved: bool) -> None:
        """A person answers the review of a task that has run."""
        name = self.plan.tasks[index].name
        output = self.outputs[index]
        self.remarks.append(Remark(index, name, self.round, approved, words, output))


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory whose modules are forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("users_code", "scripted_model"):
        sys.modules.pop(name, None)


@pytest.fixture
def prompts(modules: Path) -> list[str]:
    """What the scripted models of the test were asked."""
    asked: list[str] = importlib.import_module("scripted_model").PROMPTS
    return asked


@pytest.fixture
def deploy(modules: Path) -> Callable[..., Deployment]:
    """Write a module of a user's code and declare a deployment of it."""

    def write(
        code: str, target: str = "crew", kind: RunnerKind = RunnerKind.FUNCTIONS
    ) -> Deployment:
        sys.modules.pop("users_code", None)
        (modules / "users_code.py").write_text(dedent(code))
        return Deployment("demo", kind, f"users_code:{target}")

    return write


@pytest.fixture
def start() -> Callable[..., Run]:
    """Begin an execution."""
    return Run


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CrewAI's own files, for as long as the tests run."""
    return tmp_path_factory.mktemp("crewai")


@pytest.fixture
def run_crew(deploy: Callable[..., Deployment], storage: Path) -> Callable[..., Run]:
    """Begin an execution of a crew, whose code has ``PRELUDE`` above it."""

    def begin(code: str, target: str = "crew", **inputs: Any) -> Run:
        deployment = deploy(PRELUDE + dedent(code), target, RunnerKind.CREWAI)
        return Run(CrewaiRunner(storage), deployment, inputs)

    return begin
